// A new job: the spec in an editor, held against the API while it is written.
import type { EditorView } from '@codemirror/view'
import { Button, Grid, Group, Select, Skeleton, Stack } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Play } from 'lucide-react'
import { useRef, useState } from 'react'

import { datasetsQuery } from '../api/datasets'
import { createJob, jobQuery, specOf } from '../api/jobs'
import type { Dataset, Spec } from '../api/types'
import { CheckPanel } from '../components/CheckPanel'
import { DatasetPicker } from '../components/DatasetPicker'
import { ErrorAlert } from '../components/PageError'
import { PageHeader } from '../components/PageHeader'
import { PreviewPanel } from '../components/PreviewPanel'
import { jumpTo, SpecEditor } from '../components/SpecEditor'
import { sayError } from '../components/toasts'
import { useSpecCheck } from '../components/useSpecCheck'
import { EXAMPLES } from '../examples'
import { parseJson } from '../lib/diagnose'
import { newIdempotencyKey } from '../lib/idempotency'
import { setMember } from '../lib/pointers'
import { writeSpec } from '../lib/specText'
import { newJobRoute } from '../router'

export function NewJobPage() {
  const { from, dataset } = newJobRoute.useSearch()
  const datasets = useInfiniteQuery(datasetsQuery)
  const source = useQuery({ ...jobQuery(from ?? ''), enabled: from !== undefined })
  const spec = source.data && specOf(source.data)
  const error = datasets.error ?? source.error
  if (error) return <ErrorAlert error={error} />
  if (!datasets.data || (from !== undefined && !spec)) {
    return <Skeleton h={480} radius="lg" aria-label="Loading" />
  }
  const items = datasets.data.pages.flatMap((page) => page.items)
  const ready = items.find((one) => one.status === 'ready')
  const start = spec
    ? writeSpec(spec)
    : setMember(EXAMPLES[0]?.text ?? '{}', 'dataset', dataset ?? ready?.id ?? '')
  return <SpecForm key={from ?? ''} start={start} fromJob={from !== undefined} datasets={items} />
}

interface SpecFormProps {
  start: string
  fromJob: boolean
  datasets: readonly Dataset[]
}

function SpecForm({ start, fromJob, datasets }: SpecFormProps) {
  const [text, setText] = useState(start)
  const view = useRef<EditorView | null>(null)
  const check = useSpecCheck(text)
  const submit = useSubmit()
  const chosen = memberOf(text, 'dataset')
  const ready = datasets.find(
    ({ id, name, status }) => status === 'ready' && (id === chosen || name === chosen),
  )
  return (
    <Stack gap="lg">
      <PageHeader title={fromJob ? 'Train again with changes' : 'New job'}>
        <Button
          leftSection={<Play size={16} />}
          disabled={!check.valid}
          loading={submit.isPending || submit.isSuccess}
          onClick={() => {
            if (check.valid) submit.mutate(check.valid)
          }}
        >
          Start training
        </Button>
      </PageHeader>
      <Group gap="md" align="flex-end" grow preventGrowOverflow={false}>
        <DatasetPicker
          datasets={datasets}
          value={chosen}
          onChange={(id) => {
            setText(setMember(text, 'dataset', id))
          }}
        />
        <ExamplePicker
          onPick={(example) => {
            setText(setMember(example, 'dataset', chosen ?? ''))
          }}
        />
      </Group>
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, lg: 7 }}>
          <SpecEditor
            text={text}
            onChange={setText}
            diagnoses={check.diagnoses}
            viewRef={view}
          />
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }}>
          <CheckPanel
            check={check}
            onPick={(diagnosis) => {
              jumpTo(view.current, diagnosis)
            }}
          />
        </Grid.Col>
      </Grid>
      {ready && <PreviewPanel key={ready.id} datasetId={ready.id} spec={check.valid} />}
    </Stack>
  )
}

function ExamplePicker({ onPick }: { onPick: (text: string) => void }) {
  return (
    <Select
      label="Start from an example"
      placeholder="Choose an example"
      data={EXAMPLES.map(({ id, label }) => ({ value: id, label }))}
      value={null}
      onChange={(id) => {
        const example = EXAMPLES.find((one) => one.id === id)
        if (example) onPick(example.text)
      }}
    />
  )
}

/** Submitting: one idempotency key a spec, so that a second click makes no second job. */
function useSubmit() {
  const navigate = newJobRoute.useNavigate()
  const queryClient = useQueryClient()
  const sent = useRef({ spec: '', key: '' })
  return useMutation({
    mutationFn: (spec: Spec) => {
      const written = JSON.stringify(spec)
      if (sent.current.spec !== written) sent.current = { spec: written, key: newIdempotencyKey() }
      return createJob(spec, sent.current.key)
    },
    onError: sayError,
    onSuccess: async (job) => {
      await queryClient.invalidateQueries({ queryKey: ['jobs'] })
      await navigate({ to: '/jobs/$jobId', params: { jobId: job.id } })
    },
  })
}

function memberOf(text: string, name: string): unknown {
  const { value } = parseJson(text)
  return typeof value === 'object' && value !== null ? (value as Spec)[name] : undefined
}
