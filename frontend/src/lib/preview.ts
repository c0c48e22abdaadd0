// What a look at augmented samples asks for, out of the spec as it stands; and a series as a line.
import type { PreviewRequest, Spec } from '../api/types'

type Steps = PreviewRequest['augment']

const NUM_SAMPLES = 4
const NUM_VARIANTS = 4

/** The request of a spec; null while it augments and preprocesses nothing. */
export function previewRequest(spec: Spec, seed: number): PreviewRequest | null {
  const { training, definitions } = spec
  const { augment, preprocess } = isObject(training) ? training : {}
  const steps = Array.isArray(augment) ? (augment as Steps) : []
  const before = Array.isArray(preprocess) ? (preprocess as Steps) : null
  if (steps.length === 0 && !before?.length) return null
  return {
    augment: steps,
    preprocess: before,
    definitions: isObject(definitions) ? definitions : {},
    split: 'train',
    n: NUM_SAMPLES,
    variants: steps.length === 0 ? 1 : NUM_VARIANTS,
    seed,
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Each channel as the points of an SVG polyline, on one scale, within width × height. */
export function polylines(series: readonly number[][], width: number, height: number): string[] {
  const all = series.flat()
  const low = Math.min(...all)
  const range = Math.max(...all) - low || 1
  return series.map((values) =>
    values
      .map((value, place) => {
        const x = (place / Math.max(values.length - 1, 1)) * width
        const y = height - ((value - low) / range) * height
        return `${round(x)},${round(y)}`
      })
      .join(' '),
  )
}

const round = (value: number) => Math.round(value * 10) / 10
