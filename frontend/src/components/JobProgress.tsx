// How far a job is: a bar with its epoch, and the time that is left.
import { Group, Progress as Bar, Stack, Text } from '@mantine/core'

import { FINAL } from '../api/jobs'
import type { Job, JobStatus, Progress } from '../api/types'
import { formatCount, formatDuration, toNumber } from '../lib/format'
import { STATUS } from './status'

interface JobProgressProps {
  status: JobStatus
  progress: Progress
  queue: Job['queue']
  /** Also samples a second and steps. */
  detailed?: boolean
}

export function JobProgress({ status, progress, queue, detailed = false }: JobProgressProps) {
  const fraction = status === 'succeeded' ? 1 : progress.steps ? progress.step / progress.steps : 0
  return (
    <Stack gap={4}>
      <Bar
        value={fraction * 100}
        color={STATUS[status].color}
        size={detailed ? 'md' : 'sm'}
        animated={status === 'running'}
        aria-label="Progress"
      />
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="xs" c="dimmed" className="numbers" truncate>
          {left(status, progress, queue, detailed)}
        </Text>
        <Text size="xs" c="dimmed" className="numbers" style={{ flexShrink: 0 }}>
          {right(status, progress)}
        </Text>
      </Group>
    </Stack>
  )
}

function left(status: JobStatus, progress: Progress, queue: Job['queue'], detailed: boolean) {
  if (status === 'queued') {
    if (detailed) return 'Waiting'
    return queue ? `Place ${queue.position}: ${queue.waiting_for}` : 'Waiting for a worker'
  }
  if (!progress.epochs) return FINAL.has(status) ? '' : 'Starting'
  const epoch = `Epoch ${progress.epoch} of ${progress.epochs}`
  return detailed ? `${epoch} · step ${progress.step} of ${progress.steps}` : epoch
}

function right(status: JobStatus, progress: Progress): string {
  if (status !== 'running') return ''
  const parts: string[] = []
  if (progress.samples_per_second != null) {
    parts.push(`${formatCount(Math.round(toNumber(progress.samples_per_second)))}/s`)
  }
  if (progress.eta_seconds != null) {
    parts.push(`${formatDuration(toNumber(progress.eta_seconds))} left`)
  }
  return parts.join(' · ')
}
