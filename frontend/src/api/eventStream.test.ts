import { describe, expect, it } from 'vitest'

import { EMPTY_STORY, MAX_LOG_LINES, tell, type EventKind, type StreamEvent } from './eventStream'

const event = (seq: number, kind: EventKind, data: Record<string, unknown>): StreamEvent => ({
  seq,
  kind,
  data,
})

const metrics = (seq: number, step: number, loss: number | string) =>
  event(seq, 'metrics', { step, epoch: 1, values: { 'train/loss': loss } })

const FIRST_TRY = [
  event(1, 'status', { status: 'queued', reason: null }),
  event(2, 'status', { status: 'running', reason: null, attempt: 1 }),
  metrics(3, 10, 2),
  event(4, 'log', { level: 'info', message: 'epoch 1' }),
  metrics(5, 20, 'NaN'),
  event(6, 'progress', { epoch: 1, epochs: 2, step: 20, steps: 40 }),
]

describe('tell', () => {
  it('folds a story into status, series, logs and progress', () => {
    const story = tell(EMPTY_STORY, FIRST_TRY)
    expect(story.status).toBe('running')
    expect(story.series['train/loss']?.steps).toEqual([10, 20])
    expect(story.series['train/loss']?.values).toEqual([2, NaN])
    expect(story.logs.map((line) => line.message)).toEqual(['epoch 1'])
    expect(story.progress?.step).toBe(20)
    expect(story.ended).toBe(false)
  })

  it('drops what is told again after a reconnect', () => {
    const once = tell(EMPTY_STORY, FIRST_TRY)
    expect(tell(once, FIRST_TRY)).toBe(once)
    const again = tell(once, [...FIRST_TRY, metrics(7, 30, 1)])
    expect(again.logs).toHaveLength(1)
    expect(again.series['train/loss']?.steps).toEqual([10, 20, 30])
  })

  it('gives the same story in one batch as event by event', () => {
    const single = FIRST_TRY.reduce((story, one) => tell(story, [one]), EMPTY_STORY)
    expect(single).toEqual(tell(EMPTY_STORY, FIRST_TRY))
  })

  it('drops the steps past the checkpoint that a new attempt resumes from', () => {
    const story = tell(EMPTY_STORY, [
      ...FIRST_TRY,
      event(7, 'status', { status: 'queued', reason: null }),
      event(8, 'status', { status: 'running', attempt: 2, resumed_from_step: 10 }),
      metrics(9, 20, 1.5),
    ])
    expect(story.series['train/loss']?.steps).toEqual([10, 20])
    expect(story.series['train/loss']?.values).toEqual([2, 1.5])
  })

  it('drops every step when a new attempt begins anew', () => {
    const story = tell(EMPTY_STORY, [
      ...FIRST_TRY,
      event(7, 'status', { status: 'running', attempt: 2, resumed_from_step: 0 }),
    ])
    expect(story.series).toEqual({})
  })

  it('keeps the newest lines of a huge log and counts the others', () => {
    const lines = Array.from({ length: MAX_LOG_LINES + 5 }, (_, index) =>
      event(index + 1, 'log', { level: 'info', message: `line ${index + 1}`, attempt: 2 }),
    )
    const story = tell(EMPTY_STORY, lines)
    expect(story.logs).toHaveLength(MAX_LOG_LINES)
    expect(story.logs.at(-1)).toMatchObject({ message: `line ${MAX_LOG_LINES + 5}`, attempt: 2 })
    expect(story.numLogsCut).toBe(5)
  })

  it('keeps the reason of an ending and closes the story', () => {
    const reason = { code: 'diverged', message: 'the loss is NaN', hint: 'lower lr' }
    const story = tell(EMPTY_STORY, [
      ...FIRST_TRY,
      event(7, 'status', { status: 'failed', reason }),
      event(8, 'end', { status: 'failed' }),
    ])
    expect(story).toMatchObject({ status: 'failed', reason, ended: true })
  })

  it('leaves the story it was handed as it was', () => {
    const once = tell(EMPTY_STORY, FIRST_TRY)
    tell(once, [metrics(7, 30, 1)])
    expect(once.series['train/loss']?.steps).toEqual([10, 20])
    expect(EMPTY_STORY.logs).toEqual([])
  })
})
