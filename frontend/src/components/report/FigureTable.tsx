// Rows of named figures: the outputs of a model that predicts numbers, or what one has without it.
import { Table } from '@mantine/core'

import { tableOf, type Row } from '../../lib/jobReport'

export function FigureTable({ rows, nameKey }: { rows: readonly Row[]; nameKey: string }) {
  const { columns, lines } = tableOf(rows, nameKey)
  return (
    <Table.ScrollContainer minWidth={280} maxHeight={480}>
      <Table verticalSpacing={6} stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th />
            {columns.map((column) => (
              <Table.Th key={column} ta="right">
                {column.replaceAll('_', ' ')}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="numbers">
          {lines.map((line) => (
            <Table.Tr key={line.name}>
              <Table.Td>{line.name}</Table.Td>
              {line.cells.map((cell, index) => (
                <Table.Td key={columns[index]} ta="right">
                  {cell}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
