import { expect, test } from 'vitest'

import { trialOf } from './trial'

test('what has named features is tried with a table, whichever file it came in', () => {
  expect(trialOf({ format: 'csv', features: ['rooms', 'area'] }).thing).toBe('table')
  expect(trialOf({ format: 'trainyard', features: ['close'] }).thing).toBe('table')
})

test('pictures in Parquet are pictures, and so is what nothing else is known of', () => {
  expect(trialOf({ format: 'parquet', features: [] }).thing).toBe('picture')
  expect(trialOf({ format: 'folders', features: [] }).accept).toBe('image/*')
  expect(trialOf({ format: null, features: null }).thing).toBe('picture')
})

test('sounds and volumes are asked for by their name', () => {
  expect(trialOf({ format: 'audio', features: [] }).thing).toBe('sound')
  expect(trialOf({ format: 'nifti', features: [] }).thing).toBe('volume')
})
