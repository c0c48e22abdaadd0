// A dataset's report as the page draws it: findings by severity, shares, bars. Pure.
import type { Balance, DatasetReport, Finding, Histogram, Place, SplitName } from '../api/types'
import { formatMetric, plural } from './format'

export const SPLIT_NAMES: readonly SplitName[] = ['train', 'val', 'test']

export type Severity = Finding['severity']

export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info']

/** Findings under their severity, the worst first; severities without findings are left out. */
export function bySeverity(
  findings: readonly Finding[],
): { severity: Severity; findings: Finding[] }[] {
  return SEVERITIES.map((severity) => ({
    severity,
    findings: findings.filter((finding) => finding.severity === severity),
  })).filter((group) => group.findings.length > 0)
}

/** One figure of the line at the top. */
export interface Headline {
  label: string
  value: string
}

/** What a reader wants to know first. */
export function headlines(report: DatasetReport): Headline[] {
  const splits = SPLIT_NAMES.filter((name) => report.num_samples[name] !== undefined)
  const lines: Headline[] = splits.map((name) => ({
    label: name,
    value: (report.num_samples[name] ?? 0).toLocaleString('en'),
  }))
  const majority = report.classes && majorityOf(report.classes)
  if (majority) {
    const label = `Most common ${report.classes?.unit === 'pixels' ? 'pixel' : 'class'}`
    lines.push({ label, value: `${majority.name}, ${formatShare(majority.share)}` })
  }
  if (report.exact) lines.push({ label: 'Copies', value: duplicatesText(report.exact) })
  if (report.near) lines.push({ label: 'Look-alikes', value: duplicatesText(report.near) })
  if (report.num_unreadable > 0) {
    lines.push({ label: 'Left out', value: plural(report.num_unreadable, 'file') })
  }
  return lines
}

/** The class that most training samples have; null of labels, of which a sample has several. */
export function majorityOf(balance: Balance): { name: string; share: number } | null {
  const counts = balance.counts.train ?? []
  const total = sum(counts)
  if (total === 0 || balance.unit === 'labels') return null
  const most = counts.indexOf(Math.max(...counts))
  return { name: balance.names[most] ?? String(most), share: (counts[most] ?? 0) / total }
}

function duplicatesText(found: NonNullable<DatasetReport['exact']>): string {
  const within = sum(Object.values(found.within))
  const across = sum(found.across.map(({ count }) => count))
  if (within + across === 0) return 'none'
  return [
    within > 0 && `${within.toLocaleString('en')} within`,
    across > 0 && `${across.toLocaleString('en')} across splits`,
  ]
    .filter(Boolean)
    .join(', ')
}

export interface BalanceRow {
  name: string
  splits: { split: SplitName; count: number; share: number; width: number }[]
}

/**
 * One row a class: its count and share in each split, and how wide its bar is, from 0 to 1.
 *
 * Shares are of a split's samples (of several labels: `sizes`) or pixels, so that splits of
 * different sizes can be compared; the widest bar is 1.
 */
export function balanceRows(
  balance: Balance,
  sizes: Readonly<Record<string, number>>,
): BalanceRow[] {
  const splits = SPLIT_NAMES.filter((name) => balance.counts[name] !== undefined)
  const totals = new Map(
    splits.map((split) => [
      split,
      balance.unit === 'labels' ? (sizes[split] ?? 0) : sum(balance.counts[split] ?? []),
    ]),
  )
  const rows = balance.names.map((name, index) => ({
    name,
    splits: splits.map((split) => {
      const count = balance.counts[split]?.[index] ?? 0
      const total = totals.get(split) ?? 0
      return { split, count, share: total === 0 ? 0 : count / total, width: 0 }
    }),
  }))
  const widest = Math.max(...rows.flatMap((row) => row.splits.map(({ share }) => share)), 1e-12)
  for (const row of rows) {
    for (const one of row.splits) one.width = one.share / widest
  }
  return rows
}

export interface Bar {
  x: number
  width: number
  height: number
  title: string
}

/** Bars in a box of 1 by 1; heights are square roots of counts, so that rare values show. */
export function histogramBars({ start, bin_width, counts }: Histogram): Bar[] {
  const most = Math.max(1, ...counts)
  const width = 1 / Math.max(1, counts.length)
  return counts.map((count, index) => {
    const from = formatValue(start + index * bin_width)
    const to = formatValue(start + (index + 1) * bin_width)
    return {
      x: index * width,
      width,
      height: Math.sqrt(count / most),
      title: `${from} to ${to}: ${count.toLocaleString('en')}`,
    }
  })
}

/** Where the picture of a sample is; null of a file, which has no place in a split. */
export function pictureUrl(datasetId: string, { split, row }: Place): string | null {
  if (split === null || row === null) return null
  return `/v1/datasets/${datasetId}/samples/${row}.png?split=${split}`
}

/** A raw value: whole numbers as they are, others as metrics are written. */
export function formatValue(value: number): string {
  const isWhole = Number.isInteger(value) && Math.abs(value) < 1e9
  return isWhole ? value.toLocaleString('en') : formatMetric(value)
}

/** A share in percent, with as many digits as tell rare from none. */
export function formatShare(share: number): string {
  const percent = share * 100
  if (percent > 0 && percent < 0.1) return '< 0.1 %'
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
