// Why a queued job does not train yet: its place, what it waits for, and when it is tried again.
import { Alert, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Hourglass } from 'lucide-react'

import { jobQuery } from '../api/jobs'
import type { Job } from '../api/types'
import { formatDuration } from '../lib/format'
import { StatusBadge } from './StatusBadge'
import { useNow } from './useNow'

export function QueueNotice({ job }: { job: Job }) {
  if (job.status !== 'queued' || !job.queue) return null
  const { position, waiting_for, retry_at, after } = job.queue
  return (
    <Alert
      color="gray"
      icon={<Hourglass size={18} />}
      title={`Place ${position} in the queue`}
      role="status"
    >
      <Stack gap="xs">
        {retry_at && <Countdown until={retry_at} />}
        {after.length === 0 && <Text size="sm">Waits for {waiting_for.replace(/\.$/, '')}.</Text>}
        {after.length > 0 && (
          <>
            <Text size="sm">Begins once {after.length === 1 ? 'this has' : 'these have'} succeeded:</Text>
            <JobLinks ids={after} />
          </>
        )}
      </Stack>
    </Alert>
  )
}

function Countdown({ until }: { until: string }) {
  const seconds = Math.ceil((Date.parse(until) - useNow(500)) / 1000)
  return (
    <Text size="sm" fw={600} className="numbers">
      {seconds > 0 ? `Tried again in ${formatDuration(seconds)}` : 'Tried again now'}
    </Text>
  )
}

/** Other jobs by name, each with its state. */
export function JobLinks({ ids }: { ids: readonly string[] }) {
  return (
    <Stack gap={4}>
      {ids.map((id) => (
        <JobLink key={id} id={id} />
      ))}
    </Stack>
  )
}

function JobLink({ id }: { id: string }) {
  const { data, isError } = useQuery({ ...jobQuery(id), retry: false })
  if (isError) return <Text size="sm" c="dimmed">{id} (deleted)</Text>
  return (
    <Group gap="xs">
      <Link to="/jobs/$jobId" params={{ jobId: id }} className="link break">
        {data?.name ?? id}
      </Link>
      {data && <StatusBadge status={data.status} />}
    </Group>
  )
}
