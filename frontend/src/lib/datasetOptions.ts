// The options of an upload as a form has them, and as the API takes them. Pure.
import type { components } from '../api/schema'

export type Task = NonNullable<components['schemas']['Dataset']['task']>
export const TASKS: readonly Task[] = [
  'classification',
  'multi-label',
  'regression',
  'segmentation',
  'forecasting',
]
export const SPLIT_WAYS = ['random', 'stratified', 'group', 'time'] as const
export type SplitWay = (typeof SPLIT_WAYS)[number]
export const FORECASTS = ['value', 'change', 'direction'] as const
export type Forecast = (typeof FORECASTS)[number]

/** What is in the fields; an empty one leaves the choice to the scan. */
export interface OptionsForm {
  task: Task | null
  target: string
  time: string
  group: string
  window: number | null
  horizon: number | null
  predict: Forecast | null
  by: SplitWay | null
  val: number | null
  test: number | null
  seed: number | null
  /** Options without a field of their own, as the text of a JSON object. */
  more: string
}

export const NO_OPTIONS: OptionsForm = {
  task: null,
  target: '',
  time: '',
  group: '',
  window: null,
  horizon: null,
  predict: null,
  by: null,
  val: null,
  test: null,
  seed: null,
  more: '',
}

/** The `options` of the form, without what was left empty; several targets have commas. */
export function toOptions(form: OptionsForm): Record<string, unknown> {
  const targets = form.target
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const split = filled({
    by: form.by,
    val: asFraction(form.val),
    test: asFraction(form.test),
    seed: form.seed,
  })
  return filled({
    task: form.task,
    target: targets.length > 1 ? targets : (targets[0] ?? null),
    time: form.time.trim() || null,
    group: form.group.trim() || null,
    window: form.window,
    horizon: form.horizon,
    predict: form.predict,
    split: Object.keys(split).length > 0 ? split : null,
    ...parsed(form.more),
  })
}

/** What keeps the form from being sent, in words. */
export function mistakeOf(form: OptionsForm): string | null {
  return form.more.trim() === '' || parsed(form.more) !== null
    ? null
    : 'Expected a JSON object, such as {"layout": "series_last"}'
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** How many of the options are set, for the label of the form. */
export function countOptions(form: OptionsForm): number {
  const { split, ...others } = toOptions(form)
  return Object.keys(others).length + Object.keys(split ?? {}).length
}

// The form has percent; rounded, so that 7 % is 0.07 and not 0.07000000000000001.
function asFraction(percent: number | null): number | null {
  return percent === null ? null : Math.round(percent * 1e4) / 1e6
}

function filled(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}
