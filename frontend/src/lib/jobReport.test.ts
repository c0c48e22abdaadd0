import { describe, expect, it } from 'vitest'

import { classRows, errorWords, figuresOf, placed, tableOf } from './jobReport'

describe('a report', () => {
  it('shows the figures that its task has, in one order', () => {
    const masks = [{ class: 'nucleus', iou: 0.8, dice: 0.9, precision: 0.7, support: 12 }]
    expect(figuresOf(masks)).toEqual(['precision', 'iou', 'dice'])
    const labels = [{ class: 'a', precision: 1, auroc: null, support: 3 }]
    expect(figuresOf(labels)).toEqual(['precision'])
    expect(classRows(labels, ['precision', 'auroc'])).toEqual([
      { name: 'a', support: 3, figures: [1, null] },
    ])
  })

  it('names the naive forecasts in words and leaves out what is no number', () => {
    const { columns, lines } = tableOf(
      [
        { name: 'last_value', mae: 0.5, skill: 0.125, note: 'x' },
        { name: 'majority', class: 'cat', accuracy: 0.5 },
      ],
      'name',
    )
    expect(columns).toEqual(['mae', 'skill', 'accuracy'])
    expect(lines.map((line) => line.name)).toEqual([
      'the last value again',
      'always the commonest class (cat)',
    ])
    expect(lines[0]?.cells[1]).toBe('12.5 %')
    expect(lines[0]?.cells[2]).toBe('–')
  })

  it('places points between the least and the greatest value, the predicted upwards', () => {
    const { low, high, places } = placed([
      [0, 10],
      [10, 0],
      [NaN, 3],
    ])
    expect([low, high]).toEqual([0, 10])
    expect(places).toEqual([
      { x: 0, y: 0 },
      { x: 1, y: 1 },
    ])
    expect(placed([[2, 2]]).places).toEqual([{ x: 0, y: 1 }])
  })

  it('says of each kind of error what was true and what was told', () => {
    expect(errorWords({ index: 1, class: 'cat', predicted: 'dog', probability: 0.5 })).toBe(
      'cat, taken for dog (50.0 %)',
    )
    expect(errorWords({ class: 'cat', is_set: false, probability: 0.75 })).toBe(
      'not cat, told at 75.0 %',
    )
    expect(errorWords({ iou: 0.25 })).toBe('IoU 25.0 %')
    expect(errorWords({ target: [1, 2], predicted: [3, 4] })).toMatch(/^1.*predicted 3/)
  })
})
