// How each state looks and reads. A state that is missing here does not compile.
import type { DatasetStatus, JobStatus, LogLevel } from '../api/types'

interface Look {
  label: string
  color: string
  /** Whether something is going on, shown by a moving dot. */
  moving: boolean
}

export const STATUS: Record<JobStatus, Look> = {
  queued: { label: 'Queued', color: 'gray', moving: false },
  running: { label: 'Running', color: 'blue', moving: true },
  pausing: { label: 'Pausing', color: 'yellow', moving: true },
  paused: { label: 'Paused', color: 'yellow', moving: false },
  cancelling: { label: 'Cancelling', color: 'orange', moving: true },
  succeeded: { label: 'Succeeded', color: 'teal', moving: false },
  failed: { label: 'Failed', color: 'red', moving: false },
  cancelled: { label: 'Cancelled', color: 'gray', moving: false },
}

export const DATASET_STATUS: Record<DatasetStatus, Look> = {
  ingesting: { label: 'Reading', color: 'blue', moving: true },
  ready: { label: 'Ready', color: 'teal', moving: false },
  rejected: { label: 'Rejected', color: 'red', moving: false },
}

export const LEVEL_COLOR: Record<LogLevel, string> = {
  debug: 'gray',
  info: 'blue',
  warning: 'yellow',
  error: 'red',
}

/** From least to most severe. */
export const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warning', 'error']
