import { describe, expect, it } from 'vitest'

import { lineOf, locatePointer, pointerTokens, setMember } from './pointers'

const SPEC = `{
  "name": "first",
  "model": {
    "layers": [
      {"type": "conv2d", "kernel_size": 3},
      {
        "type": "con2d",
        "a/b": 1
      }
    ]
  }
}`

function marked(pointer: string): string {
  const { from, to } = locatePointer(SPEC, pointer)
  return SPEC.slice(from, to)
}

function line(pointer: string): number {
  return lineOf(SPEC, locatePointer(SPEC, pointer).from)
}

describe('pointerTokens', () => {
  it('undoes the two escapes in the right order', () => {
    expect(pointerTokens('/a~1b/m~0n/~01')).toEqual(['a/b', 'm~n', '~1'])
  })
  it('gives no token for the whole document', () => {
    expect(pointerTokens('')).toEqual([])
  })
})

describe('locatePointer', () => {
  it('marks a value inside an array of objects', () => {
    expect(marked('/model/layers/0/kernel_size')).toBe('3')
    expect(line('/model/layers/0/kernel_size')).toBe(5)
    expect(marked('/model/layers/1/type')).toBe('"con2d"')
    expect(line('/model/layers/1/type')).toBe(7)
  })
  it('reads an escaped slash', () => {
    expect(marked('/model/layers/1/a~1b')).toBe('1')
  })
  it('cuts a value of several lines at the end of the first', () => {
    expect(marked('/model/layers/1')).toBe('{')
    expect(line('/model/layers/1')).toBe(6)
  })
  it('falls back to the nearest parent of what is missing', () => {
    expect(line('/model/layers/1/out_channels')).toBe(6)
    expect(line('/model/layers/9/type')).toBe(4)
    expect(line('/training/epochs')).toBe(1)
  })
  it('points at the whole document for the empty pointer', () => {
    expect(locatePointer(SPEC, '').from).toBe(0)
  })
  it('finds what stands before a syntax error', () => {
    const broken = '{"name": "x", "model": {"layers": [{"type": "relu"'
    const { from, to } = locatePointer(broken, '/model/layers/0/type')
    expect(broken.slice(from, to)).toBe('"relu"')
  })
  it('stays inside an empty text', () => {
    expect(locatePointer('', '/name')).toEqual({ from: 0, to: 0 })
  })
  it('takes the last of two equal names, as JSON.parse does', () => {
    const text = '{"a": 1, "a": 22}'
    const { from, to } = locatePointer(text, '/a')
    expect(text.slice(from, to)).toBe('22')
  })
})

describe('setMember', () => {
  it('replaces a value and leaves every other character', () => {
    expect(setMember('{ "dataset": "old",  "name":1 }', 'dataset', 'new')).toBe(
      '{ "dataset": "new",  "name":1 }',
    )
  })
  it('adds a member that is missing', () => {
    const text = setMember('{"name": 1}', 'dataset', 'ds')
    expect(JSON.parse(text)).toEqual({ dataset: 'ds', name: 1 })
  })
  it('adds the first member of an empty object', () => {
    expect(JSON.parse(setMember('{}', 'dataset', 'ds'))).toEqual({ dataset: 'ds' })
  })
  it('leaves a text that is no object alone', () => {
    expect(setMember('[1]', 'dataset', 'ds')).toBe('[1]')
  })
})
