// From a JSON Pointer (RFC 6901) to where it stands in the JSON text, by the editor's own parser.
//
// Works on text that is not quite JSON yet, since that parser recovers from errors.
import type { SyntaxNode } from '@lezer/common'
import { parser } from '@lezer/json'

/** Character offsets into the text; `to` is exclusive. */
export interface Range {
  from: number
  to: number
}

/** The reference tokens of a pointer: "/a~1b/0" → ["a/b", "0"]; "" → []. */
export function pointerTokens(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .replace(/^\//, '')
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * Where a pointer stands: the value it names, or the nearest parent that exists.
 *
 * A value that runs over several lines is cut at the end of its first one, so that a mark on it
 * stays readable.
 */
export function locatePointer(text: string, pointer: string): Range {
  const top = parser.parse(text).topNode
  let node = valueOf(top)
  for (const token of pointerTokens(pointer)) {
    const child = node && childOf(node, token, text)
    if (!child) break
    node = child
  }
  return node ? firstLine(text, node) : { from: 0, to: Math.min(1, text.length) }
}

/** The line, counted from 1, on which an offset stands. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

const VALUES = new Set(['Object', 'Array', 'String', 'Number', 'True', 'False', 'Null'])

function valueOf(parent: SyntaxNode): SyntaxNode | null {
  return valuesOf(parent)[0] ?? null
}

function valuesOf(parent: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = []
  for (let node = parent.firstChild; node; node = node.nextSibling) {
    if (VALUES.has(node.name)) found.push(node)
  }
  return found
}

function childOf(node: SyntaxNode, token: string, text: string): SyntaxNode | null {
  if (node.name === 'Array') {
    return /^\d+$/.test(token) ? (valuesOf(node)[Number(token)] ?? null) : null
  }
  if (node.name !== 'Object') return null
  const property = node
    .getChildren('Property')
    .findLast((candidate) => propertyName(candidate, text) === token)
  return property ? (valueOf(property) ?? property) : null
}

function propertyName(property: SyntaxNode, text: string): string | null {
  const name = property.getChild('PropertyName')
  if (!name) return null
  try {
    return JSON.parse(text.slice(name.from, name.to)) as string
  } catch {
    return null
  }
}

function firstLine(text: string, node: SyntaxNode): Range {
  const lineEnd = text.indexOf('\n', node.from)
  const to = lineEnd === -1 ? node.to : Math.min(node.to, lineEnd)
  return { from: node.from, to: Math.max(to, Math.min(node.from + 1, text.length)) }
}

/**
 * The text with one top-level member set, leaving the rest as it was written.
 *
 * A text whose top is no object comes back unchanged.
 */
export function setMember(text: string, name: string, value: unknown): string {
  const top = valueOf(parser.parse(text).topNode)
  if (top?.name !== 'Object') return text
  const written = JSON.stringify(value)
  const present = childOf(top, name, text)
  if (present && VALUES.has(present.name)) {
    return text.slice(0, present.from) + written + text.slice(present.to)
  }
  const comma = top.getChild('Property') ? ',' : ''
  const start = top.from + 1
  return `${text.slice(0, start)}\n  ${JSON.stringify(name)}: ${written}${comma}${text.slice(start)}`
}
