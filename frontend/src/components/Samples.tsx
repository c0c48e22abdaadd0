// Pictures of a dataset, by split and class.
import {
  Button,
  Card,
  Group,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from '@mantine/core'
import { useQueries } from '@tanstack/react-query'
import { useState } from 'react'

import { samplesQuery } from '../api/datasets'
import type { Dataset, Sample, SplitName } from '../api/types'
import { formatMetric } from '../lib/format'
import { SPLIT_NAMES } from '../lib/report'
import { ErrorAlert } from './PageError'

const FIRST = 24
const MAX = 192

export function Samples({ dataset }: { dataset: Dataset }) {
  const present = SPLIT_NAMES.filter((name) => dataset.splits[name])
  const [split, setSplit] = useState<SplitName>(present[0] ?? 'train')
  const [className, setClassName] = useState<string | null>(null)
  const [limit, setLimit] = useState(FIRST)
  const { items, more, error, loading } = useSamples(dataset, split, className, limit)
  return (
    <Card p="md">
      <Stack gap="md">
        <Group justify="space-between">
          <Title order={2} size="h4">
            Samples
          </Title>
          <Group gap="sm">
            <SegmentedControl
              aria-label="Split"
              size="xs"
              data={present.slice()}
              value={split}
              onChange={(value) => {
                setSplit(value)
                setLimit(FIRST)
              }}
            />
            {(dataset.class_names ?? []).length > 0 && <Select
              aria-label="Class"
              placeholder="Any class"
              size="xs"
              w={170}
              clearable
              searchable
              data={dataset.class_names ?? []}
              value={className}
              onChange={(value) => {
                setClassName(value)
                setLimit(FIRST)
              }}
            />}
          </Group>
        </Group>
        {error !== null && <ErrorAlert error={error} />}
        {!loading && error === null && items.length === 0 && (
          <Text c="dimmed">No sample of this kind.</Text>
        )}
        <Pictures items={items} />
        {more && limit < MAX && (
          <Group justify="center">
            <Button
              variant="default"
              size="xs"
              loading={loading}
              onClick={() => {
                setLimit(limit * 2)
              }}
            >
              Show more
            </Button>
          </Group>
        )}
      </Stack>
    </Card>
  )
}

/** Samples of one class; without a class, as many of each in turn, so that all can be seen. */
function useSamples(
  dataset: Dataset,
  split: SplitName,
  className: string | null,
  limit: number,
) {
  // Only where a sample is of one class: of several, or of a mask, it would come more than once.
  const all = dataset.task === 'classification' ? (dataset.class_names ?? []) : []
  const mixed = all.length > 0 && all.length <= FIRST ? all : [null]
  const classes = className === null ? mixed : [className]
  const each = Math.max(1, Math.ceil(limit / Math.max(1, classes.length)))
  return useQueries({
    queries: classes.map((name) =>
      samplesQuery(dataset.id, { split, className: name, limit: each }),
    ),
    combine: (results) => ({
      items: interleave(results.map((result) => result.data?.items ?? [])).slice(0, limit),
      more: results.some((result) => result.data?.next_cursor != null),
      error: results.find((result) => result.error)?.error ?? null,
      loading: results.some((result) => result.isFetching),
    }),
  })
}

/** The first of each list, then the second of each, and so on. */
function interleave(lists: readonly (readonly Sample[])[]): Sample[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, place) => lists.flatMap((list) => list[place] ?? [])).flat()
}

/** The class or labels of a sample, or the numbers that are predicted; nothing of a mask. */
function labelOf({ class_name, label }: Sample): string {
  if (class_name !== null) return class_name
  return [label ?? []].flat().slice(0, 4).map(formatMetric).join(', ')
}

function Pictures({ items }: { items: readonly Sample[] }) {
  return (
    <SimpleGrid cols={{ base: 3, xs: 4, sm: 6, md: 8 }} spacing="sm">
      {items.map((sample) => (
        <Stack key={`${sample.split} ${sample.n}`} gap={2}>
          <img
            className="picture"
            src={sample.url}
            alt={`Sample ${sample.n}: ${labelOf(sample)}`}
            loading="lazy"
          />
          <Text size="xs" c="dimmed" truncate ta="center">
            {labelOf(sample)}
          </Text>
        </Stack>
      ))}
    </SimpleGrid>
  )
}
