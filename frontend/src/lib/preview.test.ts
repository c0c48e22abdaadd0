import { expect, test } from 'vitest'

import { polylines, previewRequest } from './preview'

test('a spec without steps asks for nothing', () => {
  expect(previewRequest({}, 0)).toBeNull()
  expect(previewRequest({ training: { augment: [], preprocess: [] } }, 0)).toBeNull()
  expect(previewRequest({ training: 'none' }, 0)).toBeNull()
})

test('steps, definitions and seed are asked for as they stand in the spec', () => {
  const augment = [{ type: 'random_flip' }]
  const definitions = { augmentations: { dim: { forward: 'x * 0.5' } } }
  expect(previewRequest({ training: { augment }, definitions }, 7)).toEqual({
    augment,
    preprocess: null,
    definitions,
    split: 'train',
    n: 4,
    variants: 4,
    seed: 7,
  })
})

test('without augmentation one variant shows what preprocessing does', () => {
  const request = previewRequest({ training: { preprocess: [{ type: 'equalize' }] } }, 0)
  expect(request?.variants).toBe(1)
})

test('a series is drawn from its least to its greatest value', () => {
  expect(polylines([[0, 10, 5]], 100, 40)).toEqual(['0,40 50,0 100,20'])
  expect(polylines([[3, 3], [3, 3]], 10, 10)).toEqual(['0,10 10,10', '0,10 10,10'])
  expect(polylines([[1]], 10, 10)).toEqual(['0,10'])
})
