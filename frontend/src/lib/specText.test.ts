import { expect, it } from 'vitest'

import { writeSpec } from './specText'

it('puts a layer on one line and the outermost object on several', () => {
  const spec = {
    name: 'first',
    model: { layers: [{ type: 'conv2d', kernel_size: [3, 3] }, { type: 'relu' }] },
    definitions: {},
  }
  expect(writeSpec(spec)).toBe(`{
  "name": "first",
  "model": {
    "layers": [
      {"type": "conv2d", "kernel_size": [3, 3]},
      {"type": "relu"}
    ]
  },
  "definitions": {}
}`)
})

it('breaks a line that would be too long', () => {
  const text = writeSpec({ tags: Array.from({ length: 30 }, (_, index) => `tag ${index}`) })
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
})

it('reads back as what was written', () => {
  const spec = { a: null, b: [1, 'x "y"', [true]], c: { d: { e: {} } }, empty: [] }
  expect(JSON.parse(writeSpec(spec))).toEqual(spec)
})
