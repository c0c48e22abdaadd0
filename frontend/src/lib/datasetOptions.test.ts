import { describe, expect, it } from 'vitest'

import { countOptions, mistakeOf, NO_OPTIONS, toOptions } from './datasetOptions'

describe('toOptions', () => {
  it('leaves to the scan what is empty', () => {
    expect(toOptions(NO_OPTIONS)).toEqual({})
    expect(toOptions({ ...NO_OPTIONS, target: '  ', group: ' ' })).toEqual({})
  })

  it('makes a list of several targets, and fractions of percent', () => {
    const form = { ...NO_OPTIONS, target: 'price, volume', val: 7, test: 0, seed: 3 }
    expect(toOptions(form)).toEqual({
      target: ['price', 'volume'],
      split: { val: 0.07, test: 0, seed: 3 },
    })
  })

  it('takes a forecast whole', () => {
    const form = {
      ...NO_OPTIONS,
      task: 'forecasting' as const,
      target: 'close',
      time: 'date',
      group: 'Name',
      window: 30,
      horizon: 5,
      by: 'time' as const,
    }
    expect(toOptions(form)).toEqual({
      task: 'forecasting',
      target: 'close',
      time: 'date',
      group: 'Name',
      window: 30,
      horizon: 5,
      split: { by: 'time' },
    })
    expect(countOptions(form)).toBe(7)
  })

  it('adds what has no field of its own, and refuses what is no JSON object', () => {
    const form = { ...NO_OPTIONS, predict: 'change' as const, more: ' {"wide": true} ' }
    expect(toOptions(form)).toEqual({ predict: 'change', wide: true })
    expect(mistakeOf(form)).toBeNull()
    expect(mistakeOf(NO_OPTIONS)).toBeNull()
    for (const more of ['{', '[1]', 'null', '3', 'wide']) {
      expect(mistakeOf({ ...NO_OPTIONS, more })).toContain('Expected a JSON object')
      expect(toOptions({ ...NO_OPTIONS, more })).toEqual({})
    }
  })
})
