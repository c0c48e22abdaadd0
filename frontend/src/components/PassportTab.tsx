// A job's passport: digests of what went in, what it ran on and what came out; and its replay.
import { Alert, Button, Card, Group, Stack, Table, Text, Title } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleCheck, CircleX, RotateCcw } from 'lucide-react'
import { useRef } from 'react'

import { passportQuery, replayJob, replayQuery } from '../api/replays'
import type { AttemptPassport, JobDetail, Passport, Replay } from '../api/types'
import { newIdempotencyKey } from '../lib/idempotency'
import { Loaded } from './JobTabs'
import { LinkButton } from './LinkButton'
import { sayError } from './toasts'

export function PassportTab({ job }: { job: JobDetail }) {
  const passport = useQuery(passportQuery(job.id, job.status))
  return (
    <Stack gap="md">
      {job.replay_of ? <Verdict job={job} of={job.replay_of} /> : <ReplayCard job={job} />}
      <Loaded query={passport}>{(found) => <Entries passport={found} />}</Loaded>
    </Stack>
  )
}

function ReplayCard({ job }: { job: JobDetail }) {
  const navigate = useNavigate()
  const key = useRef(newIdempotencyKey())
  const replay = useMutation({
    mutationFn: () => replayJob(job.id, key.current),
    onError: sayError,
    onSuccess: ({ id }) => navigate({ to: '/jobs/$jobId', params: { jobId: id } }),
  })
  const ended = job.status === 'succeeded' || job.status === 'failed'
  return (
    <Group gap="sm">
      <Button
        variant="default"
        size="sm"
        leftSection={<RotateCcw size={16} />}
        disabled={!ended}
        loading={replay.isPending}
        onClick={() => {
          replay.mutate()
        }}
      >
        Replay
      </Button>
      <Text size="sm" c="dimmed">
        {ended
          ? 'Runs the job again and says whether the result is identical, bit for bit.'
          : 'A job can be replayed once it has ended by itself.'}
      </Text>
    </Group>
  )
}

function Verdict({ job, of }: { job: JobDetail; of: string }) {
  const { data } = useQuery(replayQuery(job))
  return (
    <Alert
      color={COLOR[String(data?.identical)] ?? 'gray'}
      icon={data?.identical === false ? <CircleX size={18} /> : <CircleCheck size={18} />}
      title={data ? data.message : 'This replay has not ended yet.'}
      role="status"
    >
      <Stack gap="xs" align="flex-start">
        {data && <Differences replay={data} />}
        <LinkButton to="/jobs/$jobId" params={{ jobId: of }} variant="default" size="xs">
          The job that it repeats
        </LinkButton>
      </Stack>
    </Alert>
  )
}

const COLOR: Record<string, string> = { true: 'teal', false: 'red' }

function Differences({ replay }: { replay: Replay }) {
  return replay.differences.map((difference) => (
    <Text key={difference} size="sm" className="mono" style={{ overflowWrap: 'anywhere' }}>
      {difference}
    </Text>
  ))
}

function Entries({ passport }: { passport: Passport }) {
  const { spec, dataset, seed, result, attempts } = passport
  return (
    <>
      <Card>
        <Rows
          title="What went in, and what came out"
          entries={[
            ['Spec', spec.sha256],
            ['Dataset', dataset.sha256],
            ['Seed', seed],
            ['Best weights', result.best?.sha256],
            ['Last weights', result.last?.sha256],
            [`Metrics of ${result.metrics.num_steps} steps`, result.metrics.sha256],
          ]}
        />
      </Card>
      {attempts.map((attempt) => (
        <Card key={attempt.number}>
          <Rows title={attemptTitle(attempt)} entries={entriesOf(attempt)} />
        </Card>
      ))}
    </>
  )
}

const attemptTitle = ({ number, start_step }: AttemptPassport) =>
  `Attempt ${number}, from step ${start_step}`

type Entry = readonly [string, unknown]

/** Of the packages only those that compute, and the digest of all; the API names every one. */
const COMPUTE = ['python', 'torch', 'numpy', 'onnx', 'sha256']

function entriesOf({ code, packages, hardware, numerics, initial_weights }: AttemptPassport): Entry[] {
  const shown = Object.entries(packages).filter(([name]) => COMPUTE.includes(name))
  return [
    ...labelled('code', Object.entries(code)),
    ...labelled('packages', shown),
    ...labelled('hardware', Object.entries(hardware)),
    ...labelled('numerics', Object.entries(numerics)),
    ['initial weights', initial_weights?.sha256],
  ]
}

const labelled = (section: string, entries: Entry[]): Entry[] =>
  entries.map(([name, value]) => [`${section}: ${name}`, value])

function Rows({ title, entries }: { title: string; entries: readonly Entry[] }) {
  const told = entries.filter(([, value]) => value !== null && value !== undefined)
  return (
    <Stack gap="xs">
      <Title order={3} size="h5">
        {title}
      </Title>
      <Table layout="fixed" withRowBorders={false} verticalSpacing={2}>
        <Table.Tbody>
          {told.map(([name, value]) => (
            <Table.Tr key={name}>
              <Table.Th fw={400} c="dimmed" w="38%">
                {name}
              </Table.Th>
              <Table.Td className="mono" style={{ overflowWrap: 'anywhere' }}>
                {Array.isArray(value) ? value.join(', ') : String(value)}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Stack>
  )
}
