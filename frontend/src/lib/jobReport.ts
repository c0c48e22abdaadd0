// What a report's rows hold, read without trust: each task has figures of its own.
import { formatMetric, formatPercent } from './format'

export type Row = Record<string, unknown>

const CLASS_FIGURES = ['precision', 'recall', 'f1', 'iou', 'dice', 'auroc'] as const
export type ClassFigure = (typeof CLASS_FIGURES)[number]

export interface ClassRow {
  name: string
  support: number
  figures: (number | null)[]
}

/** The figures that at least one class has. */
export function figuresOf(rows: readonly Row[]): ClassFigure[] {
  return CLASS_FIGURES.filter((figure) => rows.some((row) => typeof row[figure] === 'number'))
}

export function classRows(rows: readonly Row[], figures: readonly ClassFigure[]): ClassRow[] {
  return rows.map((row, index) => {
    const name = row.class ?? row.name ?? row.class_name
    return {
      name: typeof name === 'string' ? name : String(index),
      support: numberOf(row.support) ?? 0,
      figures: figures.map((figure) => numberOf(row[figure])),
    }
  })
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

export interface Line {
  name: string
  cells: string[]
}

const BASELINE_NAMES: Record<string, string> = {
  majority: 'always the commonest class',
  mean: 'the mean',
  last_value: 'the last value again',
  drift: 'last value and drift',
}
const SHARES = new Set(['accuracy', 'skill', 'directional_accuracy'])
const HIDDEN = new Set(['name', 'class', 'output'])

/** Rows of named numbers as a table: its columns, and a line a row. */
export function tableOf(rows: readonly Row[], nameKey: string): { columns: string[]; lines: Line[] } {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (key) => !HIDDEN.has(key) && rows.some((row) => typeof row[key] === 'number'),
  )
  const lines = rows.map((row, index) => ({
    name: nameOf(row, nameKey, index),
    cells: columns.map((key) => cellOf(key, row[key])),
  }))
  return { columns, lines }
}

function nameOf(row: Row, key: string, index: number): string {
  const name = row[key]
  if (typeof name !== 'string') return String(index)
  const words = BASELINE_NAMES[name] ?? name
  return typeof row.class === 'string' ? `${words} (${row.class})` : words
}

function cellOf(key: string, value: unknown): string {
  if (typeof value !== 'number') return '–'
  return SHARES.has(key) ? formatPercent(value) : formatMetric(value)
}

/** Where true and predicted values lie within a square of size 1, and the bounds of both. */
export function placed(points: readonly (readonly [number, number])[]) {
  const values = points.flat().filter((value) => Number.isFinite(value))
  const low = Math.min(...values)
  const high = Math.max(...values)
  const width = high > low ? high - low : 1
  return {
    low,
    high,
    places: points
      .filter((point) => point.every((value) => Number.isFinite(value)))
      .map(([x, y]) => ({ x: (x - low) / width, y: 1 - (y - low) / width })),
  }
}

/** What is said below a picture that the model got wrong. */
export function errorWords(row: Row): string {
  if (typeof row.iou === 'number') return `IoU ${formatPercent(row.iou)}`
  if (typeof row.predicted === 'string') {
    return `${text(row.class)}, taken for ${row.predicted} (${formatPercent(numberOf(row.probability) ?? NaN)})`
  }
  if (typeof row.is_set === 'boolean') {
    const sure = formatPercent(numberOf(row.probability) ?? NaN)
    return `${row.is_set ? '' : 'not '}${text(row.class)}, told at ${sure}`
  }
  if (Array.isArray(row.target) && Array.isArray(row.predicted)) {
    return `${numbers(row.target)}, predicted ${numbers(row.predicted)}`
  }
  return ''
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function numbers(values: readonly unknown[]): string {
  const shown = values.slice(0, 3).map((value) => formatMetric(numberOf(value) ?? NaN))
  return shown.join(', ') + (values.length > 3 ? ' …' : '')
}
