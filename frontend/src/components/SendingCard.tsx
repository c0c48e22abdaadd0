// An upload under way: how far, how fast, how long still; pause and cancel.
import { Button, Card, Group, Progress, Stack, Text } from '@mantine/core'
import { Pause, Play } from 'lucide-react'

import type { UploadState } from '../api/upload'
import { formatBytes, formatDuration, formatPercent } from '../lib/format'
import type { Sending } from './useUpload'

interface SendingCardProps {
  sending: Sending
  onCancel: () => void
  onPause: () => void
  onResume: () => void
}

const DOING: Record<UploadState, string> = {
  sending: 'Uploading',
  waiting: 'Uploading',
  paused: 'Paused:',
  checking: 'Checking',
}

export function SendingCard({ sending, onCancel, onPause, onResume }: SendingCardProps) {
  const { file, state, bytes, canPause } = sending
  const fraction = file.size > 0 ? bytes / file.size : 0
  const label = `${DOING[state]} ${file.name}`
  const isPaused = state === 'paused'
  return (
    <Card>
      <Stack gap="sm">
        <Group justify="space-between">
          <Text fw={600} className="break" aria-live="polite">
            {label}
          </Text>
          <Group gap="xs">
            {canPause && state !== 'checking' && (
              <Button
                variant="default"
                size="xs"
                leftSection={isPaused ? <Play size={14} /> : <Pause size={14} />}
                onClick={isPaused ? onResume : onPause}
              >
                {isPaused ? 'Resume' : 'Pause'}
              </Button>
            )}
            <Button variant="default" size="xs" onClick={onCancel}>
              Cancel
            </Button>
          </Group>
        </Group>
        <Progress value={fraction * 100} animated={state === 'sending'} aria-label={label} />
        <Text size="sm" c="dimmed" className="numbers" data-testid="upload-figures">
          {figures(sending, fraction)}
        </Text>
        {canPause && (
          <Text size="xs" c="dimmed">
            {state === 'waiting'
              ? 'The connection broke; what has arrived is kept, and it is tried again.'
              : 'Should this page be closed, choose the same file again: it goes on from there.'}
          </Text>
        )}
      </Stack>
    </Card>
  )
}

function figures({ file, state, bytes, bytesPerSecond }: Sending, fraction: number): string {
  const parts = [
    `${formatBytes(Math.round(bytes))} of ${formatBytes(file.size)}`,
    formatPercent(fraction),
  ]
  if (state === 'sending' && bytesPerSecond !== null && bytesPerSecond > 0) {
    parts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`)
    parts.push(`${formatDuration((file.size - bytes) / bytesPerSecond)} left`)
  }
  return parts.join(' · ')
}
