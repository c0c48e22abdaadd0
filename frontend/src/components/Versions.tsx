// The versions of a dataset's name, newest first; nothing where there is but one.
import { Card, Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'

import { versionsQuery } from '../api/datasets'
import type { Dataset } from '../api/types'
import { formatAge, formatBytes } from '../lib/format'
import { DatasetBadge } from './StatusBadge'
import { useNow } from './useNow'

export function Versions({ dataset }: { dataset: Dataset }) {
  const { data } = useQuery(versionsQuery(dataset.name))
  const now = useNow()
  if (!data || data.items.length < 2) return null
  return (
    <Card component="section" aria-label="Versions">
      <Stack gap="xs">
        <Title order={2} size="h4">
          Versions
        </Title>
        {data.items.map(({ id, name, version, status, size_bytes, created_at }) => (
          <Group key={id} gap="sm">
            {id === dataset.id ? (
              <Text size="sm" fw={600}>
                {name}@{version}, this one
              </Text>
            ) : (
              <Link to="/datasets/$datasetId" params={{ datasetId: id }} className="link break">
                <Text component="span" size="sm">
                  {name}@{version}
                </Text>
              </Link>
            )}
            <DatasetBadge status={status} />
            <Text size="xs" c="dimmed">
              {formatBytes(size_bytes)} · {formatAge(created_at, now)}
            </Text>
          </Group>
        ))}
      </Stack>
    </Card>
  )
}
