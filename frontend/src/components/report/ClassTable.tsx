// Class by class, or label by label: the figures that the task has, and how many samples there are.
import { Table } from '@mantine/core'

import { formatPercent } from '../../lib/format'
import { classRows, figuresOf, type Row } from '../../lib/jobReport'

export function ClassTable({ rows, unit }: { rows: readonly Row[]; unit: string }) {
  const figures = figuresOf(rows)
  return (
    <Table.ScrollContainer minWidth={320} maxHeight={480}>
      <Table verticalSpacing={6} stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Class</Table.Th>
            {figures.map((figure) => (
              <Table.Th key={figure} ta="right">
                {figure}
              </Table.Th>
            ))}
            <Table.Th ta="right">{unit}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="numbers">
          {classRows(rows, figures).map((row) => (
            <Table.Tr key={row.name}>
              <Table.Td>{row.name}</Table.Td>
              {row.figures.map((value, index) => (
                <Table.Td key={figures[index]} ta="right">
                  {value === null ? '–' : formatPercent(value)}
                </Table.Td>
              ))}
              <Table.Td ta="right">{row.support.toLocaleString('en')}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
