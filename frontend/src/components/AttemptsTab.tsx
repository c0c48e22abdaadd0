// Every try at a job: where it ran, how far it got from where, and how and why it ended.
import { Badge, Card, Group, Stack, Table, Text } from '@mantine/core'

import type { Attempt, JobDetail } from '../api/types'
import { formatAge, formatDuration } from '../lib/format'
import { STATUS } from './status'
import { useNow } from './useNow'

export function AttemptsTab({ job }: { job: JobDetail }) {
  const now = useNow(1000)
  if (job.attempts.length === 0) return <Text c="dimmed">No worker has begun this job yet.</Text>
  const newestFirst = [...job.attempts].reverse()
  return (
    <>
      <Card p={0} visibleFrom="md">
        <AttemptTable attempts={newestFirst} now={now} />
      </Card>
      <Stack hiddenFrom="md" gap="sm">
        {newestFirst.map((attempt) => (
          <AttemptCard key={attempt.number} attempt={attempt} now={now} />
        ))}
      </Stack>
    </>
  )
}

interface AttemptProps {
  attempt: Attempt
  now: number
}

function AttemptTable({ attempts, now }: { attempts: readonly Attempt[]; now: number }) {
  return (
    <Table verticalSpacing="sm" horizontalSpacing="md">
      <Table.Thead>
        <Table.Tr>
          <Table.Th w={90}>Attempt</Table.Th>
          <Table.Th w={130}>Ended as</Table.Th>
          <Table.Th>Why</Table.Th>
          <Table.Th w={260}>Place</Table.Th>
          <Table.Th w={100}>From step</Table.Th>
          <Table.Th w={110}>Began</Table.Th>
          <Table.Th w={90}>Took</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody style={{ verticalAlign: 'top' }}>
        {attempts.map((attempt) => (
          <Table.Tr key={attempt.number}>
            <Table.Td className="numbers">{attempt.number}</Table.Td>
            <Table.Td>
              <Outcome attempt={attempt} />
            </Table.Td>
            <Table.Td>
              <Why attempt={attempt} />
            </Table.Td>
            <Table.Td>
              <Place attempt={attempt} />
            </Table.Td>
            <Table.Td className="numbers">{attempt.start_step}</Table.Td>
            <Table.Td title={attempt.started_at} style={{ whiteSpace: 'nowrap' }}>
              {formatAge(attempt.started_at, now)}
            </Table.Td>
            <Table.Td className="numbers">{took(attempt, now)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}

function AttemptCard({ attempt, now }: AttemptProps) {
  return (
    <Card p="md">
      <Stack gap="xs">
        <Group justify="space-between" wrap="nowrap">
          <Text fw={600}>Attempt {attempt.number}</Text>
          <Outcome attempt={attempt} />
        </Group>
        <Why attempt={attempt} />
        <Place attempt={attempt} />
        <Text size="xs" c="dimmed" className="numbers">
          From step {attempt.start_step} · began {formatAge(attempt.started_at, now)} · took{' '}
          {took(attempt, now)}
        </Text>
      </Stack>
    </Card>
  )
}

function Outcome({ attempt }: { attempt: Attempt }) {
  const { label, color } = outcomeLook(attempt)
  return (
    <Badge variant="light" color={color} tt="none" fw={500}>
      {label}
    </Badge>
  )
}

/** The state that the attempt led to; one that led back to the queue was a fault or given back. */
function outcomeLook({ outcome, reason }: Attempt): { label: string; color: string } {
  if (outcome === null) return STATUS.running
  if (outcome !== 'queued') return STATUS[outcome]
  if (reason?.code === 'worker_stopped') return { label: 'Given back', color: 'gray' }
  return { label: 'Fault', color: 'orange' }
}

function Why({ attempt: { reason } }: { attempt: Attempt }) {
  if (!reason) return <Text size="sm" c="dimmed">–</Text>
  return (
    <Stack gap={0}>
      <Text size="sm">{reason.message}</Text>
      <Text size="xs" c="dimmed" className="mono">
        {reason.code}
      </Text>
    </Stack>
  )
}

function Place({ attempt: { host, device, worker } }: { attempt: Attempt }) {
  return (
    <Stack gap={0} style={{ minWidth: 0 }}>
      <Text size="sm">{device ? `${host} · ${device}` : host}</Text>
      <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: 'anywhere' }}>
        {worker}
      </Text>
    </Stack>
  )
}

function took({ started_at, finished_at }: Attempt, now: number): string {
  const end = finished_at ? Date.parse(finished_at) : now
  return formatDuration(Math.max(0, end - Date.parse(started_at)) / 1000)
}
