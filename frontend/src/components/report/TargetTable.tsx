// The numbers that are predicted: mean, deviation and range in each split.
import { Card, Stack, Table, Title } from '@mantine/core'

import type { NumberSummary } from '../../api/types'
import { SPLIT_NAMES } from '../../lib/report'
import { Number } from './ChannelTable'

const MAX_TARGETS = 64

export function TargetTable({ targets }: { targets: Readonly<Record<string, NumberSummary[]>> }) {
  return (
    <Card p="md">
      <Stack gap="sm">
        <Title order={2} size="h4">
          Targets
        </Title>
        <Table.ScrollContainer minWidth={480} maxHeight={420}>
          <Table verticalSpacing={6} stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Target</Table.Th>
                <Table.Th>split</Table.Th>
                <Table.Th ta="right">mean</Table.Th>
                <Table.Th ta="right">std</Table.Th>
                <Table.Th ta="right">least</Table.Th>
                <Table.Th ta="right">greatest</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody className="numbers">
              {rowsOf(targets).map(({ split, summary }) => (
                <Table.Tr key={`${summary.name} ${split}`}>
                  <Table.Td>{summary.name}</Table.Td>
                  <Table.Td>{split}</Table.Td>
                  <Number value={summary.mean} />
                  <Number value={summary.std} />
                  <Number value={summary.minimum} />
                  <Number value={summary.maximum} />
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Stack>
    </Card>
  )
}

/** Target by target, so that its splits stand one below the other. */
function rowsOf(targets: Readonly<Record<string, NumberSummary[]>>) {
  const splits = SPLIT_NAMES.filter((name) => targets[name])
  const first = targets[splits[0] ?? 'train'] ?? []
  return first
    .slice(0, MAX_TARGETS)
    .flatMap((_, index) =>
      splits.flatMap((split) => {
        const summary = targets[split]?.[index]
        return summary ? [{ split, summary }] : []
      }),
    )
}
