// How many samples each class has, split by split, as bars.
import { Card, Group, Progress, ScrollArea, SimpleGrid, Stack, Text, Title } from '@mantine/core'

import type { Dataset, SplitName } from '../api/types'
import { formatPercent, plural } from '../lib/format'

export const SPLIT_NAMES: readonly SplitName[] = ['train', 'val', 'test']

export function ClassCounts({ dataset }: { dataset: Dataset }) {
  const names = dataset.class_names ?? []
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
      {SPLIT_NAMES.map((split) => {
        const info = dataset.splits[split]
        return (
          info && (
            <Card key={split} p="md">
              <Stack gap="sm">
                <Group justify="space-between">
                  <Title order={2} size="h5">
                    {split}
                  </Title>
                  <Text size="sm" c="dimmed">
                    {plural(info.num_samples, 'sample')}
                  </Text>
                </Group>
                <Bars counts={info.class_counts} names={names} total={info.num_samples} />
              </Stack>
            </Card>
          )
        )
      })}
    </SimpleGrid>
  )
}

interface BarsProps {
  counts: readonly number[]
  names: readonly string[]
  total: number
}

function Bars({ counts, names, total }: BarsProps) {
  const most = Math.max(1, ...counts)
  return (
    <ScrollArea.Autosize mah={320} type="auto" offsetScrollbars>
      <Stack gap={6}>
        {counts.map((count, index) => {
          const name = names[index] ?? String(index)
          return (
            <div key={name} title={`${name}: ${formatPercent(total === 0 ? 0 : count / total)}`}>
              <Group justify="space-between" gap="xs" wrap="nowrap">
                <Text size="xs" truncate>
                  {name}
                </Text>
                <Text size="xs" c="dimmed" className="numbers">
                  {count.toLocaleString('en')}
                </Text>
              </Group>
              <Progress value={(count / most) * 100} size="sm" aria-label={name} />
            </div>
          )
        })}
      </Stack>
    </ScrollArea.Autosize>
  )
}
