// All charts of a job: loss and accuracy first, the rest after them.
import { Card, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { useMemo } from 'react'

import { MetricChart } from './MetricChart'
import { groupSeries, type ChartGroup, type SeriesByName } from './series'

export function MetricCharts({ series }: { series: SeriesByName }) {
  const groups = useMemo(() => groupSeries(series), [series])
  if (groups.length === 0) {
    return (
      <Card>
        <Text c="dimmed" ta="center" py="xl">
          The curves begin with the first metrics of the training.
        </Text>
      </Card>
    )
  }
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      {groups.map((group) => (
        <ChartCard key={group.title} group={group} />
      ))}
    </SimpleGrid>
  )
}

const TITLES: Readonly<Record<string, string>> = {
  'optimizer/lr': 'Learning rate',
  'gradient/norm': 'Gradient norm',
  'system/memory_bytes': 'Memory (bytes)',
  'system/gpu_percent': 'GPU (%)',
}

function ChartCard({ group }: { group: ChartGroup }) {
  const { title } = group
  return (
    <Card p="md" style={{ minWidth: 0 }}>
      <Stack gap="xs">
        <Title order={2} size="h5">
          {TITLES[title] ?? title.charAt(0).toUpperCase() + title.slice(1)}
        </Title>
        <MetricChart group={group} />
      </Stack>
    </Card>
  )
}
