import { describe, expect, it } from 'vitest'

import { align, cutAfter, groupSeries, mergeRows, splitIndex } from './series'

const row = (step: number, values: Record<string, number | string>) => ({ step, values })

describe('mergeRows', () => {
  it('keeps steps ascending and without repeats', () => {
    const merged = mergeRows({}, [
      row(1, { 'train/loss': 2 }),
      row(3, { 'train/loss': 1 }),
      row(2, { 'train/loss': 1.5 }),
      row(3, { 'train/loss': 0.9 }),
    ])
    expect(merged['train/loss']).toEqual({
      name: 'train/loss',
      steps: [1, 2, 3],
      values: [2, 1.5, 0.9],
    })
  })
  it('leaves the series it was handed as they were', () => {
    const before = mergeRows({}, [row(1, { a: 1 })])
    mergeRows(before, [row(2, { a: 2 })])
    expect(before.a?.steps).toEqual([1])
  })
  it('does not copy series that the rows do not name', () => {
    const before = mergeRows({}, [row(1, { a: 1, b: 1 })])
    expect(mergeRows(before, [row(2, { a: 2 })]).b).toBe(before.b)
  })
  it('reads the strings that stand for non-finite numbers', () => {
    const merged = mergeRows({}, [row(1, { a: 'NaN' }), row(2, { a: '-Infinity' })])
    expect(merged.a?.values).toEqual([NaN, -Infinity])
  })
})

describe('cutAfter', () => {
  it('drops what an earlier attempt measured past the resumed step', () => {
    const series = mergeRows({}, [row(10, { a: 1 }), row(20, { a: 2, b: 2 }), row(30, { a: 3 })])
    const cut = cutAfter(series, 20)
    expect(cut.a?.steps).toEqual([10, 20])
    expect(cut.b?.steps).toEqual([20])
    expect(series.a?.steps).toEqual([10, 20, 30])
  })
  it('drops a series that has nothing left', () => {
    expect(cutAfter(mergeRows({}, [row(5, { a: 1 })]), 0)).toEqual({})
  })
})

describe('align', () => {
  const series = Object.values(
    mergeRows({}, [
      row(1, { 'train/loss': 3 }),
      row(2, { 'train/loss': 'NaN', 'val/loss': 2 }),
      row(3, { 'train/loss': 'Infinity' }),
    ]),
  )
  it('puts several series on one axis of steps', () => {
    expect(align(series).columns).toEqual([
      [1, 2, 3],
      [3, null, null],
      [undefined, 2, undefined],
    ])
  })
  it('tells of every value that cannot be drawn', () => {
    expect(align(series).markers).toEqual([
      { step: 2, value: NaN, series: 0 },
      { step: 3, value: Infinity, series: 0 },
    ])
  })
  it('takes no series at all', () => {
    expect(align([])).toEqual({ columns: [[]], markers: [] })
  })
})

describe('groupSeries', () => {
  it('puts the splits of one metric on one chart, loss and accuracy first', () => {
    const series = mergeRows({}, [
      row(1, {
        'optimizer/lr': 1,
        'val/f1': 1,
        'val/accuracy': 1,
        'val/loss': 1,
        'train/loss': 1,
      }),
    ])
    expect(groupSeries(series).map((g) => [g.title, g.series.map((s) => s.name)])).toEqual([
      ['loss', ['train/loss', 'val/loss']],
      ['accuracy', ['val/accuracy']],
      ['f1', ['val/f1']],
      ['optimizer/lr', ['optimizer/lr']],
    ])
  })
})

it('gives each split its own place', () => {
  expect(['train/loss', 'val/loss', 'test/loss', 'optimizer/lr'].map(splitIndex)).toEqual([
    0, 1, 2, -1,
  ])
})
