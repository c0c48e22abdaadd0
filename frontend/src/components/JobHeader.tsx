// The head of a job's page: state, reason, progress, figures, and what can be done.
import { Alert, Card, Code, Group, Stack, Text, VisuallyHidden } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { CircleAlert, Repeat2, WifiOff } from 'lucide-react'

import type { JobStory } from '../api/eventStream'
import { FINAL } from '../api/jobs'
import type { JobDetail, JobStatus } from '../api/types'
import { formatAge, formatDuration, formatMetric } from '../lib/format'
import { Downloads } from './Downloads'
import { JobActions } from './JobActions'
import { Figure } from './Figure'
import { DatasetLink, Tags } from './JobList'
import { JobProgress } from './JobProgress'
import { LinkButton } from './LinkButton'
import { PageHeader } from './PageHeader'
import { JobLinks, QueueNotice } from './QueueNotice'
import { STATUS } from './status'
import { StatusBadge } from './StatusBadge'
import { useNow } from './useNow'

interface JobHeaderProps {
  job: JobDetail
  story: JobStory
  connected: boolean
}

export function JobHeader({ job: asked, story, connected }: JobHeaderProps) {
  const job = newest(asked, story)
  const navigate = useNavigate()
  return (
    <Stack gap="md">
      <PageHeader title={job.name} aside={<StatusBadge status={job.status} size="lg" />}>
        <Group gap="xs">
          <JobActions job={job} form="buttons" onDeleted={() => void navigate({ to: '/jobs' })} />
          <LinkButton
            to="/jobs/new"
            search={{ from: job.id }}
            variant="default"
            size="sm"
            leftSection={<Repeat2 size={16} />}
          >
            Train again
          </LinkButton>
          <Downloads jobId={job.id} formats={job.formats} />
        </Group>
      </PageHeader>
      {job.tags.length > 0 && <Tags tags={job.tags} />}
      <VisuallyHidden aria-live="polite">{`${job.name}: ${STATUS[job.status].label}`}</VisuallyHidden>
      {!connected && (
        <Alert color="yellow" icon={<WifiOff size={18} />} role="status">
          The live connection is down. Trying again…
        </Alert>
      )}
      <QueueNotice job={job} />
      <ReasonAlert job={job} />
      <Card>
        <Stack gap="lg">
          <JobProgress {...job} detailed />
          <Figures job={job} />
        </Stack>
      </Card>
      {job.notes && <Text style={{ whiteSpace: 'pre-line' }}>{job.notes}</Text>}
    </Stack>
  )
}

/** The job as asked for, or as its events tell, whichever is further on. */
function newest(job: JobDetail, story: JobStory): JobDetail {
  const { status, reason, progress } = story
  const further = progress && progress.step >= job.progress.step
  return {
    ...job,
    ...(status && !job.finished_at ? { status, reason: reason ?? job.reason } : {}),
    ...(further ? { progress } : {}),
  }
}

/** Why the job ended; the reason of an attempt after which it goes on stands with that attempt. */
function ReasonAlert({ job }: { job: JobDetail }) {
  if (!job.reason || !(FINAL.has(job.status) || job.status === 'cancelling')) return null
  const failed = job.status === 'failed'
  return (
    <Alert
      color={failed ? 'red' : 'gray'}
      icon={<CircleAlert size={18} />}
      title={job.reason.message}
      role={failed ? 'alert' : 'status'}
    >
      <Group gap="xs">
        {job.reason.hint && <Text size="sm">{job.reason.hint}</Text>}
        <Text size="xs" c="dimmed" className="mono">
          {job.reason.code}
        </Text>
      </Group>
      {job.reason.log_tail.length > 0 && (
        <details>
          <summary>What was logged last</summary>
          <Code block className="log-tail" mt="xs">
            {job.reason.log_tail.join('\n')}
          </Code>
        </details>
      )}
    </Alert>
  )
}

const WAITING: ReadonlySet<JobStatus> = new Set(['queued', 'paused'])

function Figures({ job }: { job: JobDetail }) {
  const now = useNow(1000)
  const end = job.finished_at ? Date.parse(job.finished_at) : now
  const test = job.summary['test/accuracy']
  return (
    <Group gap="xl">
      {job.best && <Figure label={`Best ${job.best.metric}`} value={formatMetric(job.best.value)} />}
      {test !== undefined && <Figure label="test/accuracy" value={formatMetric(test)} />}
      {job.started_at && !WAITING.has(job.status) && (
        <Figure
          label={job.finished_at ? 'Took' : 'Running for'}
          value={formatDuration((end - Date.parse(job.started_at)) / 1000)}
        />
      )}
      <Figure label="Dataset" value={<DatasetLink job={job} />} />
      {job.attempt > 1 && <Figure label="Attempt" value={String(job.attempt)} />}
      {job.after.length > 0 && job.status !== 'queued' && (
        <Figure label="After" value={<JobLinks ids={job.after} />} />
      )}
      <Figure label="Created" value={formatAge(job.created_at, now)} title={job.created_at} />
    </Group>
  )
}
