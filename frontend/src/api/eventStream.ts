// A job's story, told event by event, folded into what the page shows. Pure.
//
// Events carry their place in the story (`seq`): one told again after a reconnect is dropped, so
// that the page never holds anything twice. Opening the stream is useJobEvents.ts's part.
import { cutAfter, mergeRows, type MetricRow, type SeriesByName } from '../charts/series'
import type { JobStatus, LogLevel, Progress, Reason } from './types'

export type EventKind = 'status' | 'metrics' | 'log' | 'progress' | 'end'

/** One event as it came. */
export interface StreamEvent {
  seq: number
  kind: EventKind
  data: Record<string, unknown>
}

export interface LogLine {
  seq: number
  level: LogLevel
  message: string
  attempt: number
  at: string | null
}

/** As many lines are kept at most: the newest. A page that held more would be slow. */
export const MAX_LOG_LINES = 20_000

/** What is known of a job from its events so far. */
export interface JobStory {
  lastSeq: number
  status: JobStatus | null
  reason: Reason | null
  series: SeriesByName
  logs: LogLine[]
  /** Lines that came and are not kept here. */
  numLogsCut: number
  progress: Progress | null
  ended: boolean
}

export const EMPTY_STORY: JobStory = {
  lastSeq: 0,
  status: null,
  reason: null,
  series: {},
  logs: [],
  numLogsCut: 0,
  progress: null,
  ended: false,
}

/** The story with a batch of events told; those already told change nothing. */
export function tell(story: JobStory, events: readonly StreamEvent[]): JobStory {
  const next = { ...story }
  let rows: MetricRow[] = []
  const logs: LogLine[] = []
  for (const event of events) {
    if (event.seq <= next.lastSeq) continue
    next.lastSeq = event.seq
    const { data } = event
    if (event.kind === 'metrics') rows.push(metricRow(data))
    else if (event.kind === 'log') logs.push(logLine(event))
    else if (event.kind === 'progress') next.progress = data as Progress
    else if (event.kind === 'end') next.ended = true
    else {
      const resumed = data.resumed_from_step
      if (typeof resumed === 'number') {
        // The new attempt measures again what the lost one did past its last checkpoint.
        next.series = cutAfter(mergeRows(next.series, rows), resumed)
        rows = []
      }
      next.status = data.status as JobStatus
      // The tail of the log stands in the job itself; here its lines are events of their own.
      next.reason = data.reason ? { ...(data.reason as Reason), log_tail: [] } : null
    }
  }
  if (next.lastSeq === story.lastSeq) return story
  next.series = mergeRows(next.series, rows)
  if (logs.length > 0) {
    const all = [...story.logs, ...logs]
    next.logs = all.slice(-MAX_LOG_LINES)
    next.numLogsCut += all.length - next.logs.length
  }
  return next
}

function metricRow(data: Record<string, unknown>): MetricRow {
  return { step: data.step as number, values: data.values as MetricRow['values'] }
}

function logLine({ seq, data }: StreamEvent): LogLine {
  const at = data.at ?? data.created_at
  return {
    seq,
    level: data.level as LogLevel,
    message: String(data.message),
    attempt: Number(data.attempt),
    at: typeof at === 'string' ? at : null,
  }
}
