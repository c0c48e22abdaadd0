import { describe, expect, it } from 'vitest'

import type { Balance, DatasetReport, Finding } from '../api/types'
import {
  balanceRows,
  bySeverity,
  formatShare,
  headlines,
  histogramBars,
  majorityOf,
  pictureUrl,
} from './report'

const balance: Balance = {
  names: ['cat', 'dog'],
  unit: 'samples',
  counts: { train: [30, 90], test: [5, 5] },
}

const report: DatasetReport = {
  num_samples: { train: 120, test: 10 },
  num_unreadable: 1,
  classes: balance,
  targets: {},
  num_channels: 1,
  channels: [],
  pictures: null,
  exact: { within: { train: 2, test: 0 }, across: [{ first: 'train', second: 'test', count: 3 }] },
  near: { within: { train: 0, test: 0 }, across: [] },
  findings: [],
}

function finding(severity: Finding['severity'], code: string): Finding {
  return { severity, code, message: code, count: 1, examples: [], advice: '' }
}

describe('bySeverity', () => {
  it('puts the worst first and leaves out what is empty', () => {
    const groups = bySeverity([finding('info', 'a'), finding('error', 'b'), finding('info', 'c')])
    expect(groups.map(({ severity, findings }) => [severity, findings.map((f) => f.code)])).toEqual([
      ['error', ['b']],
      ['info', ['a', 'c']],
    ])
  })
})

describe('headlines', () => {
  it('tells sizes, the majority, copies and what was left out', () => {
    expect(headlines(report).map(({ label, value }) => `${label}: ${value}`)).toEqual([
      'train: 120',
      'test: 10',
      'Most common class: dog, 75 %',
      'Copies: 2 within, 3 across splits',
      'Look-alikes: none',
      'Left out: 1 file',
    ])
  })

  it('tells nothing of what a rejected dataset did not live to see', () => {
    const rejected = { ...report, num_samples: {}, num_unreadable: 0, classes: null }
    expect(headlines({ ...rejected, exact: null, near: null })).toEqual([])
  })
})

describe('majorityOf', () => {
  it('has no answer where a sample may have several labels, or there are none', () => {
    expect(majorityOf({ ...balance, unit: 'labels' })).toBeNull()
    expect(majorityOf({ ...balance, counts: { train: [0, 0] } })).toBeNull()
  })
})

describe('balanceRows', () => {
  it('gives shares of each split, and widths by the largest share', () => {
    const [cat, dog] = balanceRows(balance, report.num_samples)
    expect(cat?.splits.map(({ share }) => share)).toEqual([0.25, 0.5])
    expect(dog?.splits.map(({ width }) => width)).toEqual([1, 0.5 / 0.75])
  })

  it('takes shares of labels from the samples, which may have several', () => {
    const labels: Balance = { names: ['a', 'b'], unit: 'labels', counts: { train: [60, 90] } }
    const rows = balanceRows(labels, { train: 120 })
    expect(rows.map((row) => row.splits[0]?.share)).toEqual([0.5, 0.75])
  })

  it('divides nothing by an empty split', () => {
    const empty: Balance = { names: ['a'], unit: 'samples', counts: { train: [0] } }
    expect(balanceRows(empty, { train: 0 })[0]?.splits[0]).toMatchObject({ share: 0, width: 0 })
  })
})

describe('histogramBars', () => {
  it('fills a box of one by one, by the square roots of counts', () => {
    const bars = histogramBars({ start: -1, bin_width: 0.5, counts: [0, 25, 100, 1] })
    expect(bars.map(({ height }) => height)).toEqual([0, 0.5, 1, 0.1])
    expect(bars.map(({ x }) => x)).toEqual([0, 0.25, 0.5, 0.75])
    expect(bars[1]?.title).toBe('-0.5000 to 0: 25')
  })
})

describe('pictureUrl', () => {
  it('leads to samples, and not to files', () => {
    const place = { name: 'x #3', label: null }
    expect(pictureUrl('ds_1', { ...place, split: 'val', row: 3 })).toBe(
      '/v1/datasets/ds_1/samples/3.png?split=val',
    )
    expect(pictureUrl('ds_1', { ...place, split: null, row: null })).toBeNull()
  })
})

describe('formatShare', () => {
  it.each([
    [0, '0.0 %'],
    [0.0004, '< 0.1 %'],
    [0.0312, '3.1 %'],
    [0.5, '50 %'],
  ])('writes %d as %s', (share, text) => {
    expect(formatShare(share)).toBe(text)
  })
})
