// All datasets, and the upload of a new one.
import { Button, Card, Group, SimpleGrid, Skeleton, Stack, Text } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'

import { datasetsQuery } from '../api/datasets'
import type { Dataset } from '../api/types'
import { describe } from '../components/DatasetPicker'
import { ErrorAlert } from '../components/PageError'
import { PageHeader } from '../components/PageHeader'
import { DatasetBadge } from '../components/StatusBadge'
import { UploadCard } from '../components/UploadCard'
import { useNow } from '../components/useNow'
import { formatAge, formatBytes, plural } from '../lib/format'

export function DatasetsPage() {
  const query = useInfiniteQuery(datasetsQuery)
  const datasets = query.data?.pages.flatMap((page) => page.items)
  const now = useNow()
  return (
    <Stack gap="lg">
      <PageHeader title="Datasets" />
      <UploadCard />
      {query.isError && <ErrorAlert error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton h={160} radius="lg" aria-label="Loading the datasets" />}
      {datasets?.length === 0 && (
        <Text c="dimmed" ta="center">
          No dataset yet. What you upload is scanned whole, and a report says what was found.
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {datasets?.map((dataset) => (
          <DatasetCard key={dataset.id} dataset={dataset} now={now} />
        ))}
      </SimpleGrid>
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

function DatasetCard({ dataset, now }: { dataset: Dataset; now: number }) {
  const { id, name, version, status, problems, size_bytes, format, created_at } = dataset
  return (
    <Card p="md">
      <Stack gap="xs">
        <Group justify="space-between" wrap="nowrap" align="flex-start">
          <Link to="/datasets/$datasetId" params={{ datasetId: id }} className="link break">
            <Text component="span" fw={600}>
              {name}
            </Text>
          </Link>
          <DatasetBadge status={status} />
        </Group>
        <Text size="sm">{status === 'ready' ? describe(dataset) : SAID[status]}</Text>
        <Text size="xs" c="dimmed">
          {[
            version > 1 ? `version ${version}` : null,
            format,
            size_bytes > 0 ? formatBytes(size_bytes) : null,
            problems.length > 0 ? plural(problems.length, 'finding') : null,
            formatAge(created_at, now),
          ]
            .filter(Boolean)
            .join(' · ')}
        </Text>
      </Stack>
    </Card>
  )
}

const SAID: Record<Dataset['status'], string> = {
  ingesting: 'Every file is being looked at.',
  ready: '',
  rejected: 'It cannot be used; its report says why.',
}
