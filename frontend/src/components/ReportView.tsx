// How the trained model does, class by class: the confusion matrix, and precision to support.
import { Card, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'

import type { JobReport } from '../api/types'
import { formatPercent } from '../lib/format'
import { ConfusionMatrix } from './ConfusionMatrix'

export function ReportView({ report }: { report: JobReport }) {
  const classes = (report.per_class ?? []).map(classRow)
  const names = classes.map((row) => row.name)
  const matrix = report.confusion_matrix
  if (!matrix && classes.length === 0) {
    return <Text c="dimmed">This job has no report class by class.</Text>
  }
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
      {matrix && (
        <Card p="md" style={{ minWidth: 0 }}>
          <Stack gap="sm">
            <Title order={2} size="h5">
              Confusion matrix
            </Title>
            <ConfusionMatrix matrix={matrix} names={names} />
          </Stack>
        </Card>
      )}
      {classes.length > 0 && (
        <Card p="md" style={{ minWidth: 0 }}>
          <Stack gap="sm">
            <Title order={2} size="h5">
              Class by class
            </Title>
            <ClassTable classes={classes} />
          </Stack>
        </Card>
      )}
    </SimpleGrid>
  )
}

const FIGURES = ['precision', 'recall', 'f1'] as const

interface ClassRow {
  name: string
  support: number
  figures: (number | null)[]
}

function classRow(row: Record<string, unknown>, index: number): ClassRow {
  const name = row.class ?? row.name ?? row.class_name
  return {
    name: typeof name === 'string' ? name : String(index),
    support: typeof row.support === 'number' ? row.support : 0,
    figures: FIGURES.map((figure) => {
      const value = row[figure]
      return typeof value === 'number' ? value : null
    }),
  }
}

function ClassTable({ classes }: { classes: readonly ClassRow[] }) {
  return (
    <Table.ScrollContainer minWidth={320} maxHeight={480}>
      <Table verticalSpacing={6} stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Class</Table.Th>
            {FIGURES.map((figure) => (
              <Table.Th key={figure} ta="right">
                {figure}
              </Table.Th>
            ))}
            <Table.Th ta="right">samples</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="numbers">
          {classes.map((row) => (
            <Table.Tr key={row.name}>
              <Table.Td>{row.name}</Table.Td>
              {row.figures.map((value, index) => (
                <Table.Td key={FIGURES[index]} ta="right">
                  {value === null ? '–' : formatPercent(value)}
                </Table.Td>
              ))}
              <Table.Td ta="right">{row.support}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
