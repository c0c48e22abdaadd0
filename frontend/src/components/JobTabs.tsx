// The parts of a job's page that ask the API for more than the job itself.
import { Card, Skeleton, Text } from '@mantine/core'
import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'

import { datasetQuery } from '../api/datasets'
import { checkpointsQuery, FINAL, reportQuery, specOf } from '../api/jobs'
import { specCheckQuery } from '../api/specs'
import type { JobDetail } from '../api/types'
import { trialOf } from '../lib/trial'
import { Checkpoints } from './Checkpoints'
import { LayerTable } from './LayerTable'
import { ErrorAlert } from './PageError'
import { ReportView } from './ReportView'
import { TryModel } from './TryModel'

interface LoadedProps<Data> {
  query: UseQueryResult<Data>
  children: (data: Data) => ReactNode
}

export function Loaded<Data>({ query, children }: LoadedProps<Data>) {
  if (query.data !== undefined) return children(query.data)
  if (query.isError) return <ErrorAlert error={query.error} retry={() => void query.refetch()} />
  return <Skeleton h={240} radius="lg" aria-label="Loading" />
}

export function LayersTab({ job }: { job: JobDetail }) {
  const query = useQuery(specCheckQuery(specOf(job)))
  return (
    <Loaded query={query}>
      {(result) => (
        <Card>
          <LayerTable result={result} />
        </Card>
      )}
    </Loaded>
  )
}

export function ReportTab({ job }: { job: JobDetail }) {
  const ended = job.status === 'succeeded'
  const query = useQuery({ ...reportQuery(job.id), enabled: ended })
  if (!ended) return <Text c="dimmed">The report is made when the training succeeds.</Text>
  return <Loaded query={query}>{(report) => <ReportView report={report} job={job} />}</Loaded>
}

export function CheckpointsTab({ job }: { job: JobDetail }) {
  const query = useQuery({
    ...checkpointsQuery(job.id),
    refetchInterval: FINAL.has(job.status) ? false : 5000,
  })
  return (
    <Loaded query={query}>
      {(page) => (
        <Card>
          <Checkpoints jobId={job.id} items={page.items} />
        </Card>
      )}
    </Loaded>
  )
}

function TryOut({ job }: { job: JobDetail }) {
  const query = useQuery(datasetQuery(job.dataset))
  return (
    <Loaded query={query}>
      {(dataset) => <TryModel jobId={job.id} trial={trialOf(dataset)} />}
    </Loaded>
  )
}

export function TryTab({ job }: { job: JobDetail }) {
  if (job.best === null && job.status !== 'succeeded') {
    return <Text c="dimmed">There is no model to try yet: it comes with the first checkpoint.</Text>
  }
  return <TryOut job={job} />
}
