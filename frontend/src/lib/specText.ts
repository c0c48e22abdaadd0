// A spec as text that people like to read: short objects, such as a layer, on one line.

const WIDTH = 100

/** JSON text; an object or array that fits on one line stands on one, but never the outermost. */
export function writeSpec(value: unknown): string {
  return write(value, '', true)
}

function write(value: unknown, indent: string, outermost = false): string {
  const flat = oneLine(value)
  const isBranch = typeof value === 'object' && value !== null
  if (!isBranch || (!outermost && indent.length + flat.length <= WIDTH && depth(value) <= 2)) {
    return flat
  }
  const inner = `${indent}  `
  const lines = Array.isArray(value)
    ? value.map((item) => inner + write(item, inner))
    : Object.entries(value).map(
        ([name, item]) => `${inner}${JSON.stringify(name)}: ${write(item, inner)}`,
      )
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return lines.length === 0 ? open + close : `${open}\n${lines.join(',\n')}\n${indent}${close}`
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(
      ([name, item]) => `${JSON.stringify(name)}: ${oneLine(item)}`,
    )
    return members.length === 0 ? '{}' : `{${members.join(', ')}}`
  }
  return JSON.stringify(value)
}

/** How many levels of objects and arrays: 0 for a plain value, 1 for `[3, 3]`. */
function depth(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depth))
}
