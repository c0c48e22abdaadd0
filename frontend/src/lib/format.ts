// Numbers, sizes, durations and ages as people read them. Pure; the clock is handed in.

/** A JSON number, or one of the strings "NaN", "Infinity", "-Infinity" that the API sends. */
export type WireNumber = number | string

/** The number behind the wire form. */
export function toNumber(value: WireNumber): number {
  return typeof value === 'number' ? value : Number(value)
}

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes with three significant digits, in powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? String(value) : shorten(value)} ${BYTE_UNITS[unit] ?? ''}`
}

const COUNT_UNITS = ['', 'k', 'M', 'G', 'T', 'P'] as const

/** A count such as parameters or FLOPs: 812, 1.23 k, 45.6 M. */
export function formatCount(count: number): string {
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < COUNT_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return unit === 0 ? String(value) : `${shorten(value)} ${COUNT_UNITS[unit] ?? ''}`
}

function shorten(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toFixed(digits)
}

/** Seconds as at most two units: "9 s", "3 min 20 s", "2 h 5 min", "4 d 1 h". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–'
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 1 : 0)} s`
  const whole = Math.round(seconds)
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), 'd'],
    [Math.floor((whole % 86400) / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** How long ago an ISO timestamp was, coarse: "just now", "5 min ago", "3 d ago". */
export function formatAge(timestamp: string, now: number): string {
  const seconds = (now - Date.parse(timestamp)) / 1000
  if (seconds < 10) return 'just now'
  if (seconds < 60) return `${Math.floor(seconds)} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86400)} d ago`
}

/** A metric's value: accuracies and losses with four digits, tiny and huge ones in powers. */
export function formatMetric(value: WireNumber): string {
  const number = toNumber(value)
  if (Number.isNaN(number)) return 'NaN'
  if (!Number.isFinite(number)) return number > 0 ? '∞' : '−∞'
  const size = Math.abs(number)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return number.toExponential(2)
  if (size >= 1000) return number.toFixed(0)
  return size >= 10 ? number.toFixed(2) : number.toFixed(4)
}

/** A fraction as percent with one digit. */
export function formatPercent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`
}

/** A shape without the batch axis: "32 × 28 × 28". */
export function formatShape(shape: readonly number[]): string {
  return shape.join(' × ')
}

/** A count with its noun, in the plural where needed: "1 class", "3 classes". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}
