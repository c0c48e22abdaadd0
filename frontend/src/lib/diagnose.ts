// From a spec's text and what the API says of it to marks in the editor. Pure.
import { parser } from '@lezer/json'

import type { Mistake } from '../api/types'
import { lineOf, locatePointer, type Range } from './pointers'

/** A mistake with its place in the text; `line` counts from 1. */
export interface Diagnosis extends Range {
  line: number
  message: string
  /** The JSON Pointer, "" for a mistake of the text as such. */
  path: string
  expected?: string | null | undefined
  received?: string | null | undefined
}

/** The value of a JSON text, or where it stops being JSON. */
export type Parsed = { value: unknown; error?: never } | { value?: never; error: Diagnosis }

export function parseJson(text: string): Parsed {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return { error: syntaxError(text) }
  }
}

function syntaxError(text: string): Diagnosis {
  let from = text.trimEnd().length
  parser.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError) from = Math.min(from, node.from)
    },
  })
  const near = text.slice(from).trim().split(/\s/, 1)[0]
  // A mark needs a character to stand on.
  from = Math.min(from, Math.max(0, text.length - 1))
  const message = near
    ? `This is not valid JSON at “${near.slice(0, 20)}”.`
    : 'The JSON ends too early: a bracket or brace is still open.'
  return { from, to: Math.min(text.length, from + 1), line: lineOf(text, from), message, path: '' }
}

/** Every mistake that the API found, at its place in the text, in the order of the text. */
export function placeMistakes(text: string, mistakes: readonly Mistake[]): Diagnosis[] {
  return mistakes
    .map(({ path, message, expected, received, suggestion }) => {
      const range = locatePointer(text, path)
      const line = lineOf(text, range.from)
      const full = suggestion && !message.includes(suggestion) ? `${message} ${suggestion}` : message
      return { ...range, line, path, message: full, expected, received }
    })
    .sort((a, b) => a.from - b.from)
}
