// The lines of a dataset's scan: what is wrong, file by file, errors first.
import { Badge, Stack, Table, Text } from '@mantine/core'

import type { Problem } from '../api/types'
import { plural } from '../lib/format'

// A zip of a million broken files must not make a page of a million rows.
const MAX_ROWS = 200

const COLOR: Record<Problem['severity'], string> = { error: 'red', warning: 'yellow' }
const ORDER: Record<Problem['severity'], number> = { error: 0, warning: 1 }

export function Problems({ problems }: { problems: readonly Problem[] }) {
  if (problems.length === 0) return null
  const sorted = problems.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity])
  return (
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          {plural(problems.length, 'finding')}
          {problems.length > MAX_ROWS && `, of which ${MAX_ROWS} are shown`}
        </Text>
        <Table.ScrollContainer minWidth={320} maxHeight={360}>
          <Table verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th w={90}>Severity</Table.Th>
                <Table.Th>Finding</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {sorted.slice(0, MAX_ROWS).map((problem, index) => (
                <Table.Tr key={index}>
                  <Table.Td style={{ verticalAlign: 'top' }}>
                    <Badge size="sm" variant="light" color={COLOR[problem.severity]} tt="none">
                      {problem.severity}
                    </Badge>
                  </Table.Td>
                  <Table.Td className="break">
                    {problem.file && (
                      <Text size="xs" className="mono" c="dimmed">
                        {problem.file}
                      </Text>
                    )}
                    <Text size="sm">{problem.message}</Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Stack>
  )
}
