import { expect, it } from 'vitest'

import { tidySpec } from './tidySpec'

const DEFAULTS = new Map([
  ['conv2d', { inputs: null, name: null, activation: null, stride: [1, 1], dilation: [1, 1] }],
  ['relu', { inputs: null, name: null }],
  ['batch_norm2d', { inputs: null, name: null, momentum: 0.1 }],
])

const layers = (...all: unknown[]) => ({ model: { layers: all }, training: {} })

it('leaves out the fields of a layer that have their defaults', () => {
  const layer = { type: 'conv2d', name: null, inputs: null, stride: 1, dilation: [1, 1], bias: true }
  expect(tidySpec(layers(layer), DEFAULTS)).toEqual(layers({ type: 'conv2d', bias: true }))
})

it('keeps a null that is no default', () => {
  const layer = { type: 'batch_norm2d', name: 'norm', inputs: null, momentum: null }
  expect(tidySpec(layers(layer), DEFAULTS)).toEqual(
    layers({ name: 'norm', type: 'batch_norm2d', momentum: null }),
  )
})

it('writes an activation in its short form', () => {
  const layer = { type: 'conv2d', activation: { type: 'relu', name: null, inputs: null } }
  expect(tidySpec(layers(layer), DEFAULTS)).toEqual(layers({ type: 'conv2d', activation: 'relu' }))
})

it('keeps every field of a layer that it does not know', () => {
  const layer = { type: 'mystery', size: 3, inputs: null }
  expect(tidySpec(layers(layer), DEFAULTS)).toEqual(layers(layer))
})

it('leaves out what is not set of the job and its training', () => {
  const spec = {
    name: 'x',
    notes: '',
    priority: 0,
    definitions: {},
    model: { layers: [] },
    training: { epochs: 2, early_stopping: null },
  }
  expect(tidySpec(spec, DEFAULTS)).toEqual({
    name: 'x',
    model: { layers: [] },
    training: { epochs: 2 },
  })
})
