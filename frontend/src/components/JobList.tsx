// Jobs as a table, or as cards where the screen is narrow.
import { Badge, Card, Group, Stack, Table, Text } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'

import type { Job } from '../api/types'
import { formatAge, formatMetric } from '../lib/format'
import { JobActions } from './JobActions'
import { JobProgress } from './JobProgress'
import { StatusBadge } from './StatusBadge'
import { useNow } from './useNow'

export function JobList({ jobs }: { jobs: readonly Job[] }) {
  const now = useNow()
  return (
    <>
      <Card p={0} visibleFrom="md">
        <JobTable jobs={jobs} now={now} />
      </Card>
      <Stack hiddenFrom="md" gap="sm">
        {jobs.map((job) => (
          <JobCard key={job.id} job={job} now={now} />
        ))}
      </Stack>
    </>
  )
}

function JobTable({ jobs, now }: { jobs: readonly Job[]; now: number }) {
  return (
    <Table highlightOnHover verticalSpacing="sm" horizontalSpacing="md">
      <Table.Thead>
        <Table.Tr>
          <Table.Th w={145}>Status</Table.Th>
          <Table.Th>Name</Table.Th>
          <Table.Th>Dataset</Table.Th>
          <Table.Th w={270}>Progress</Table.Th>
          <Table.Th>Best</Table.Th>
          <Table.Th w={110}>Created</Table.Th>
          <Table.Th w={50} aria-label="Actions" />
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {jobs.map((job) => (
          <JobRow key={job.id} job={job} now={now} />
        ))}
      </Table.Tbody>
    </Table>
  )
}

function JobRow({ job, now }: { job: Job; now: number }) {
  const navigate = useNavigate()
  return (
    <Table.Tr
      className="clickable-row"
      onClick={(event) => {
        // The link in the row serves the keyboard; clicks on links and buttons stay theirs.
        if ((event.target as Element).closest('a, button, [role="menu"]')) return
        void navigate({ to: '/jobs/$jobId', params: { jobId: job.id } })
      }}
    >
      <Table.Td>
        <StatusBadge status={job.status} />
      </Table.Td>
      <Table.Td maw={280}>
        <JobName job={job} />
      </Table.Td>
      <Table.Td maw={180}>
        <DatasetLink job={job} />
      </Table.Td>
      <Table.Td>
        <JobProgress {...job} />
      </Table.Td>
      <Table.Td>
        <BestMetric job={job} />
      </Table.Td>
      <Table.Td>
        <Text size="sm" c="dimmed" title={job.created_at} style={{ whiteSpace: 'nowrap' }}>
          {formatAge(job.created_at, now)}
        </Text>
      </Table.Td>
      <Table.Td>
        <JobActions job={job} form="menu" />
      </Table.Td>
    </Table.Tr>
  )
}

function JobCard({ job, now }: { job: Job; now: number }) {
  return (
    <Card p="md">
      <Stack gap="sm">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <JobName job={job} />
          <Group gap={4} wrap="nowrap">
            <StatusBadge status={job.status} />
            <JobActions job={job} form="menu" />
          </Group>
        </Group>
        <JobProgress {...job} />
        <Group justify="space-between" gap="xs">
          <BestMetric job={job} />
          <Text size="xs" c="dimmed">
            {job.dataset_name} · {formatAge(job.created_at, now)}
          </Text>
        </Group>
      </Stack>
    </Card>
  )
}

function JobName({ job }: { job: Job }) {
  return (
    <Stack gap={4} style={{ minWidth: 0 }}>
      <Link to="/jobs/$jobId" params={{ jobId: job.id }} className="link break">
        <Text component="span" fw={600} size="sm">
          {job.name}
        </Text>
      </Link>
      {job.tags.length > 0 && <Tags tags={job.tags} />}
    </Stack>
  )
}

export function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <Group gap={4}>
      {tags.map((tag) => (
        <Badge key={tag} variant="default" size="sm" tt="none" fw={500} maw={160}>
          {tag}
        </Badge>
      ))}
    </Group>
  )
}

export function DatasetLink({ job }: { job: Job }) {
  return (
    <Link to="/datasets/$datasetId" params={{ datasetId: job.dataset }} className="link">
      <Text component="span" inherit truncate display="block">
        {job.dataset_name}
      </Text>
    </Link>
  )
}

function BestMetric({ job }: { job: Job }) {
  if (!job.best) return <Text size="sm" c="dimmed">–</Text>
  return (
    <Stack gap={0}>
      <Text size="sm" fw={600} className="numbers">
        {formatMetric(job.best.value)}
      </Text>
      <Text size="xs" c="dimmed">
        {job.best.metric}
      </Text>
    </Stack>
  )
}
