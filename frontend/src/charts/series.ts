// Metric series as the charts draw them: merged from batches, cut at a resume, aligned by step.
import { toNumber, type WireNumber } from '../lib/format'

/** One metric over steps, ascending and without repeats; values may be NaN or infinite. */
export interface Series {
  name: string
  steps: number[]
  values: number[]
}

export type SeriesByName = Readonly<Record<string, Series>>

/** One report of the trainer: every metric it names, at one step. */
export interface MetricRow {
  step: number
  values: Readonly<Record<string, WireNumber>>
}

/** The series with new rows merged in; a row of a step already there replaces it. */
export function mergeRows(series: SeriesByName, rows: readonly MetricRow[]): SeriesByName {
  if (rows.length === 0) return series
  const merged: Record<string, Series> = { ...series }
  const fresh = new Set<string>()
  for (const row of rows) {
    for (const [name, value] of Object.entries(row.values)) {
      const present = merged[name]
      if (!fresh.has(name)) {
        // Copied once a batch: the series handed in must stay as it was.
        merged[name] = present
          ? { name, steps: present.steps.slice(), values: present.values.slice() }
          : { name, steps: [], values: [] }
        fresh.add(name)
      }
      insert(merged[name] as Series, row.step, toNumber(value))
    }
  }
  return merged
}

function insert(series: Series, step: number, value: number): void {
  const { steps, values } = series
  let at = steps.length
  while (at > 0 && (steps[at - 1] as number) > step) at -= 1
  if (at > 0 && steps[at - 1] === step) {
    values[at - 1] = value
  } else {
    steps.splice(at, 0, step)
    values.splice(at, 0, value)
  }
}

/** The series without the steps past `step`: an attempt that resumes there measures them again. */
export function cutAfter(series: SeriesByName, step: number): SeriesByName {
  const cut: Record<string, Series> = {}
  for (const one of Object.values(series)) {
    const keep = one.steps.filter((each) => each <= step).length
    if (keep > 0) {
      const { name, steps, values } = one
      cut[name] = { name, steps: steps.slice(0, keep), values: values.slice(0, keep) }
    }
  }
  return cut
}

/** A value that has no place on the axis, and the step it was measured at. */
export interface Marker {
  step: number
  value: number
  series: number
}

/** What uPlot takes: the steps, then one column a series. */
export interface Aligned {
  /** `undefined`: not measured at this step, the line goes through; `null`: a gap. */
  columns: [number[], ...(number | null | undefined)[][]]
  markers: Marker[]
}

/** Several series on one axis of steps; non-finite values become gaps and markers. */
export function align(series: readonly Series[]): Aligned {
  const steps = [...new Set(series.flatMap((one) => one.steps))].sort((a, b) => a - b)
  const place = new Map(steps.map((step, index) => [step, index]))
  const markers: Marker[] = []
  const columns = series.map((one, index) => {
    const column = new Array<number | null | undefined>(steps.length).fill(undefined)
    one.steps.forEach((step, i) => {
      const value = one.values[i] as number
      const finite = Number.isFinite(value)
      column[place.get(step) as number] = finite ? value : null
      if (!finite) markers.push({ step, value, series: index })
    })
    return column
  })
  return { columns: [steps, ...columns], markers }
}

const SPLITS = ['train', 'val', 'test'] as const

/** One chart: the series that share an axis. */
export interface ChartGroup {
  title: string
  series: Series[]
}

const FIRST = ['loss', 'accuracy']

/**
 * The series by chart: `train/loss`, `val/loss` and `test/loss` share one, others stand alone.
 *
 * Loss comes first, then accuracy, then the rest by name.
 */
export function groupSeries(series: SeriesByName): ChartGroup[] {
  const groups = new Map<string, Series[]>()
  for (const one of Object.values(series)) {
    const title = chartOf(one.name)
    groups.set(title, [...(groups.get(title) ?? []), one])
  }
  return [...groups]
    .map(([title, members]) => ({ title, series: members.sort(bySplit) }))
    .sort((a, b) => rank(a.title) - rank(b.title) || a.title.localeCompare(b.title))
}

function chartOf(name: string): string {
  const [split, ...rest] = name.split('/')
  return (SPLITS as readonly string[]).includes(split ?? '') ? rest.join('/') : name
}

function bySplit(a: Series, b: Series): number {
  return splitIndex(a.name) - splitIndex(b.name) || a.name.localeCompare(b.name)
}

/** 0, 1, 2 for a metric of train, val, test; -1 for any other: it decides the line's colour. */
export function splitIndex(name: string): number {
  return (SPLITS as readonly string[]).indexOf(name.split('/')[0] ?? '')
}

function rank(title: string): number {
  const at = FIRST.indexOf(title)
  if (at !== -1) return at
  return title.includes('/') ? FIRST.length + 1 : FIRST.length
}
