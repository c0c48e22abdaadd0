// One dataset: the report of its scan, its splits and classes, and pictures of it.
import { Button, Card, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Download, Play, Trash2 } from 'lucide-react'

import { datasetQuery, deleteDataset, downloadUrl } from '../api/datasets'
import type { Dataset } from '../api/types'
import { Figure } from '../components/Figure'
import { confirm } from '../components/JobActions'
import { LinkButton } from '../components/LinkButton'
import { ErrorAlert } from '../components/PageError'
import { PageHeader } from '../components/PageHeader'
import { Problems } from '../components/Problems'
import { DatasetReport } from '../components/report/DatasetReport'
import { Samples } from '../components/Samples'
import { DatasetBadge } from '../components/StatusBadge'
import { sayDone, sayError } from '../components/toasts'
import { Versions } from '../components/Versions'
import { formatBytes, formatShape, plural } from '../lib/format'
import { datasetRoute } from '../router'

export function DatasetPage() {
  const { datasetId } = datasetRoute.useParams()
  const { data, error, refetch } = useQuery(datasetQuery(datasetId))
  if (data) return <OneDataset dataset={data} />
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />
  return <Skeleton h={360} radius="lg" aria-label="Loading the dataset" />
}

function OneDataset({ dataset }: { dataset: Dataset }) {
  const { id, name, status } = dataset
  return (
    <Stack gap="lg">
      <PageHeader title={name} aside={<DatasetBadge status={status} size="lg" />}>
        <Group gap="xs">
          {status !== 'ingesting' && <DeleteButton dataset={dataset} />}
          {status === 'ready' && (
            <Button
              component="a"
              href={downloadUrl(id)}
              download
              variant="default"
              size="sm"
              leftSection={<Download size={16} />}
            >
              Download
            </Button>
          )}
          {status === 'ready' && (
            <LinkButton
              to="/jobs/new"
              search={{ dataset: id }}
              size="sm"
              leftSection={<Play size={16} />}
            >
              Train on it
            </LinkButton>
          )}
        </Group>
      </PageHeader>
      <Text c="dimmed" size="sm" aria-live="polite">
        {SAID[status]}
      </Text>
      {status === 'ready' && <Facts dataset={dataset} />}
      <Versions dataset={dataset} />
      {status === 'ingesting' ? (
        <Problems problems={dataset.problems} />
      ) : (
        <DatasetReport dataset={dataset} />
      )}
      {status === 'ready' && <Samples dataset={dataset} />}
    </Stack>
  )
}

const SAID: Record<Dataset['status'], string> = {
  ingesting: 'Every file is being looked at; this page follows.',
  ready: 'Scanned whole and ready to train on.',
  rejected: 'It cannot be used. Nothing of it was kept but this report.',
}

function Facts({ dataset }: { dataset: Dataset }) {
  const { version, format, task, input_shape, num_classes, size_bytes, dtype, sha256, series } =
    dataset
  return (
    <Card>
      <Group gap="xl">
        <Figure label="Version" value={String(version)} />
        {format && <Figure label="Format" value={format} />}
        {task && <Figure label="Task" value={task} />}
        {input_shape && <Figure label="Sample" value={`${formatShape(input_shape)} ${dtype ?? ''}`} />}
        {num_classes !== null && <Figure label="Classes" value={String(num_classes)} />}
        {series && (
          <>
            <Figure label="Window" value={plural(series.window, 'row')} />
            <Figure label="Horizon" value={plural(series.horizon, 'row')} />
            <Figure label="Series" value={series.num_series.toLocaleString('en')} />
          </>
        )}
        {dataset.outputs && dataset.outputs.length > 0 && (
          <Figure label="Predicts" value={shortList(dataset.outputs)} />
        )}
        {dataset.features && dataset.features.length > 0 && (
          <Figure label="Features" value={shortList(dataset.features)} />
        )}
        <Figure label="Size" value={formatBytes(size_bytes)} />
        {sha256 && <Figure label="SHA-256" value={`${sha256.slice(0, 12)}…`} title={sha256} />}
      </Group>
    </Card>
  )
}

/** The first few names, and how many more there are. */
function shortList(names: readonly string[]): string {
  const more = names.length - 4
  return names.slice(0, 4).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function DeleteButton({ dataset }: { dataset: Dataset }) {
  const navigate = datasetRoute.useNavigate()
  const queryClient = useQueryClient()
  const remove = useMutation({
    mutationFn: () => deleteDataset(dataset.id),
    onError: sayError,
    onSuccess: async ({ freed_bytes }) => {
      sayDone(`Deleted “${dataset.name}”: ${formatBytes(freed_bytes)} freed.`)
      await navigate({ to: '/datasets' })
      queryClient.removeQueries({ queryKey: ['dataset', dataset.id] })
      await queryClient.invalidateQueries({ queryKey: ['datasets'] })
    },
  })
  return (
    <Button
      variant="subtle"
      color="red"
      size="sm"
      leftSection={<Trash2 size={16} />}
      loading={remove.isPending}
      onClick={() => {
        confirm(`Delete “${dataset.name}”?`, 'Its samples go for good.', 'Delete', () => {
          remove.mutate()
        })
      }}
    >
      Delete
    </Button>
  )
}
