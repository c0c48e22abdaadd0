import { describe, expect, it } from 'vitest'

import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatMetric,
  plural,
  toNumber,
} from './format'

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 KB'],
    [30_878_645, '30.9 MB'],
    [999_900_000, '1.00 GB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('formatCount', () => {
  it.each([
    [7, '7'],
    [1290, '1.29 k'],
    [421_642, '422 k'],
    [11_700_000, '11.7 M'],
  ])('writes %d as %s', (count, text) => {
    expect(formatCount(count)).toBe(text)
  })
})

describe('formatDuration', () => {
  it.each([
    [0.25, '0.3 s'],
    [9, '9 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
    [3600, '1 h'],
    [90_000, '1 d 1 h'],
    [Number.NaN, '–'],
    [-1, '–'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })
})

describe('formatAge', () => {
  const now = Date.parse('2026-11-22T12:00:00.000Z')
  it.each([
    ['2026-11-22T11:59:55.000Z', 'just now'],
    ['2026-11-22T11:59:20.000Z', '40 s ago'],
    ['2026-11-22T11:55:00.000Z', '5 min ago'],
    ['2026-11-22T09:00:00.000Z', '3 h ago'],
    ['2026-11-19T12:00:00.000Z', '3 d ago'],
    ['2026-11-22T12:00:30.000Z', 'just now'],
  ])('says of %s: %s', (timestamp, text) => {
    expect(formatAge(timestamp, now)).toBe(text)
  })
})

describe('formatMetric', () => {
  it.each([
    [0.89764, '0.8976'],
    ['NaN', 'NaN'],
    ['-Infinity', '−∞'],
    [0.00012, '1.20e-4'],
    [12.345, '12.35'],
    [0, '0.0000'],
  ])('writes %s as %s', (value, text) => {
    expect(formatMetric(value)).toBe(text)
  })
})

it('reads the three non-finite strings of the wire', () => {
  expect(toNumber('NaN')).toBeNaN()
  expect(toNumber('Infinity')).toBe(Infinity)
  expect(toNumber('-Infinity')).toBe(-Infinity)
  expect(toNumber(2)).toBe(2)
})

it('puts a noun in the plural for any count but one', () => {
  expect(plural(1, 'class', 'classes')).toBe('1 class')
  expect(plural(60000, 'sample')).toBe('60,000 samples')
})
