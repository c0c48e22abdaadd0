// One job: where it stands, its curves and log as they come, and the model when it is there.
import { Skeleton, Stack, Tabs } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, type ReactNode } from 'react'

import { jobQuery } from '../api/jobs'
import type { JobDetail } from '../api/types'
import { useJobEvents } from '../api/useJobEvents'
import { MetricCharts } from '../charts/MetricCharts'
import { AttemptsTab } from '../components/AttemptsTab'
import { JobHeader } from '../components/JobHeader'
import { CheckpointsTab, LayersTab, ReportTab, TryTab } from '../components/JobTabs'
import { LogView } from '../components/LogView'
import { ErrorAlert } from '../components/PageError'
import { PassportTab } from '../components/PassportTab'
import { SpecView } from '../components/SpecView'
import { jobRoute } from '../router'

export function JobPage() {
  const { jobId } = jobRoute.useParams()
  const { data: job, error, refetch } = useQuery(jobQuery(jobId))
  if (job) return <LiveJob key={jobId} job={job} />
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />
  return <Skeleton h={360} radius="lg" aria-label="Loading the job" />
}

const TABS = [
  'Curves',
  'Log',
  'Layers',
  'Report',
  'Checkpoints',
  'Try it',
  'Attempts',
  'Spec',
  'Passport',
] as const
type Tab = (typeof TABS)[number]

function LiveJob({ job }: { job: JobDetail }) {
  const { story, connected } = useJobEvents(job.id)
  const [tab, setTab] = useState<Tab>('Curves')
  const queryClient = useQueryClient()

  useEffect(() => {
    // The ending brings results that no event holds: summary, best, report, checkpoints.
    if (story.ended) void queryClient.invalidateQueries({ queryKey: ['job', job.id] })
  }, [story.ended, job.id, queryClient])

  const panels: Record<Tab, () => ReactNode> = {
    Curves: () => <MetricCharts series={story.series} />,
    Log: () => <LogView logs={story.logs} numCut={story.numLogsCut} />,
    Layers: () => <LayersTab job={job} />,
    Report: () => <ReportTab job={job} />,
    Checkpoints: () => <CheckpointsTab job={job} />,
    'Try it': () => <TryTab job={job} />,
    Attempts: () => <AttemptsTab job={job} />,
    Spec: () => <SpecView job={job} />,
    Passport: () => <PassportTab job={job} />,
  }
  return (
    <Stack gap="lg">
      <JobHeader job={job} story={story} connected={connected} />
      <Tabs
        value={tab}
        onChange={(value) => {
          setTab(value as Tab)
        }}
        keepMounted={false}
      >
        <Tabs.List mb="lg" style={{ overflowX: 'auto', overflowY: 'hidden', flexWrap: 'nowrap' }}>
          {TABS.map((name) => (
            <Tabs.Tab key={name} value={name} style={{ flexShrink: 0 }}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map((name) => (
          <Tabs.Panel key={name} value={name}>
            {tab === name && panels[name]()}
          </Tabs.Panel>
        ))}
      </Tabs>
    </Stack>
  )
}
