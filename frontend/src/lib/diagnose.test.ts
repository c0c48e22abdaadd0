import { describe, expect, it } from 'vitest'

import { parseJson, placeMistakes } from './diagnose'

describe('parseJson', () => {
  it('gives the value of valid JSON', () => {
    expect(parseJson('{"a": [1]}')).toEqual({ value: { a: [1] } })
  })
  it('finds the line of a forgotten comma', () => {
    const { error } = parseJson('{\n  "a": 1\n  "b": 2\n}')
    expect(error?.line).toBe(3)
    expect(error?.message).toContain('"b":')
  })
  it('says of a text that stops early that something is still open', () => {
    const { error } = parseJson('{"a": [1, 2')
    expect(error?.message).toContain('still open')
  })
  it('says the same of an empty text, inside its bounds', () => {
    expect(parseJson('').error).toMatchObject({ from: 0, to: 0, line: 1 })
  })
})

describe('placeMistakes', () => {
  const text = '{\n  "model": {\n    "layers": [\n      {"type": "con2d"}\n    ]\n  }\n}'
  it('puts mistakes on their lines, in the order of the text', () => {
    const placed = placeMistakes(text, [
      { path: '/model/layers/0/type', message: 'unknown layer type' },
      { path: '/training', message: 'missing' },
    ])
    expect(placed.map(({ line, path }) => [line, path])).toEqual([
      [1, '/training'],
      [4, '/model/layers/0/type'],
    ])
    expect(text.slice(placed[1]?.from, placed[1]?.to)).toBe('"con2d"')
  })
  it('adds a suggestion that the message does not hold yet', () => {
    const [placed] = placeMistakes(text, [
      { path: '/model/layers/0/type', message: 'unknown.', suggestion: 'Did you mean conv2d?' },
    ])
    expect(placed?.message).toBe('unknown. Did you mean conv2d?')
  })
})
