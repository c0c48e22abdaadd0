// All jobs, live; the filter stands in the address, so that it can be kept and shared.
import { Button, Card, EmptyState, Group, Select, Skeleton, Stack, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Plus, Search, TrainTrack } from 'lucide-react'
import { useState } from 'react'

import { jobsQuery, type JobFilter } from '../api/jobs'
import type { JobStatus } from '../api/types'
import { JobList } from '../components/JobList'
import { LinkButton } from '../components/LinkButton'
import { ErrorAlert } from '../components/PageError'
import { PageHeader } from '../components/PageHeader'
import { STATUS } from '../components/status'
import { jobsRoute } from '../router'

export function JobsPage() {
  const filter = jobsRoute.useSearch()
  const query = useInfiniteQuery(jobsQuery(filter))
  const jobs = query.data?.pages.flatMap((page) => page.items)
  const filtered = filter.q !== undefined || filter.status !== undefined
  return (
    <Stack gap="lg">
      <PageHeader title="Jobs">
        <LinkButton to="/jobs/new" leftSection={<Plus size={18} />}>
          New job
        </LinkButton>
      </PageHeader>
      <Filter filter={filter} />
      {query.isError && <ErrorAlert error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton h={220} radius="lg" aria-label="Loading the jobs" />}
      {jobs?.length === 0 && (filtered ? <NoMatch /> : <NoJobs />)}
      {jobs && jobs.length > 0 && <JobList jobs={jobs} />}
      {query.hasNextPage && (
        <Group justify="center">
          <Button
            variant="default"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Load more
          </Button>
        </Group>
      )}
    </Stack>
  )
}

const STATUS_OPTIONS = Object.entries(STATUS).map(([value, { label }]) => ({ value, label }))

function Filter({ filter }: { filter: JobFilter }) {
  const navigate = jobsRoute.useNavigate()
  const [text, setText] = useState(filter.q ?? '')
  const change = (changed: JobFilter) => {
    const { status, q } = { ...filter, ...changed }
    const search = { ...(status ? { status } : {}), ...(q ? { q } : {}) }
    void navigate({ search, replace: true })
  }
  const changeText = useDebouncedCallback((q: string) => {
    change({ q })
  }, 250)
  return (
    <Group gap="sm">
      <TextInput
        aria-label="Search by name"
        placeholder="Search by name"
        leftSection={<Search size={16} />}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value)
          changeText(event.currentTarget.value)
        }}
        style={{ flex: '1 1 200px' }}
        maw={{ base: undefined, xs: 360 }}
      />
      <Select
        aria-label="Filter by status"
        placeholder="Any status"
        clearable
        data={STATUS_OPTIONS}
        value={filter.status ?? null}
        onChange={(value) => {
          change({ status: (value ?? undefined) as JobStatus | undefined })
        }}
        style={{ flex: '1 1 140px' }}
        maw={{ base: undefined, xs: 180 }}
      />
    </Group>
  )
}

function NoJobs() {
  return (
    <Card>
      <EmptyState
        py="xl"
        variant="light"
        icon={<TrainTrack />}
        title="No job yet"
        description="Upload a dataset, describe a network in JSON, and watch it train here."
      >
        <EmptyState.Actions>
          <LinkButton to="/jobs/new">Start the first job</LinkButton>
          <LinkButton to="/datasets" variant="default">
            Upload a dataset
          </LinkButton>
        </EmptyState.Actions>
      </EmptyState>
    </Card>
  )
}

function NoMatch() {
  return (
    <Card>
      <EmptyState
        py="xl"
        icon={<Search />}
        title="No job matches"
        description="Try another text or status."
      >
        <EmptyState.Actions>
          <LinkButton to="/jobs" search={{}} variant="default">
            Show all jobs
          </LinkButton>
        </EmptyState.Actions>
      </EmptyState>
    </Card>
  )
}
