// The layers of a checked model: shapes, parameters and work, with the sums below.
import { Alert, Group, List, Stack, Table, Text } from '@mantine/core'
import { TriangleAlert } from 'lucide-react'

import type { CheckResult } from '../api/types'
import { formatBytes, formatCount, formatShape } from '../lib/format'
import { Figure } from './Figure'

export function LayerTable({ result }: { result: CheckResult }) {
  return (
    <Stack gap="md">
      <Totals result={result} />
      <Warnings warnings={result.warnings} />
      <Table.ScrollContainer minWidth={400} maxHeight={560}>
        <Table verticalSpacing={6} horizontalSpacing="xs" stickyHeader>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Layer</Table.Th>
              <Table.Th>Output</Table.Th>
              <Table.Th ta="right">Parameters</Table.Th>
              <Table.Th ta="right">FLOPs</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="numbers">
            {result.layers.map((layer) => (
              <Table.Tr key={layer.name}>
                <Table.Td>
                  {layer.name}
                  {!layer.name.endsWith(layer.type) && (
                    <Text span c="dimmed" size="xs" ml={6}>
                      {layer.type}
                    </Text>
                  )}
                </Table.Td>
                <Table.Td style={{ whiteSpace: 'nowrap' }}>{formatShape(layer.output_shape)}</Table.Td>
                <Table.Td ta="right">{layer.num_params.toLocaleString('en')}</Table.Td>
                <Table.Td ta="right">{formatCount(layer.flops)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Stack>
  )
}

function Totals({ result }: { result: CheckResult }) {
  const { weights, activations, gradients, optimizer } = result.memory_bytes
  return (
    <Group gap="xl">
      <Figure label="Parameters" value={result.num_params.toLocaleString('en')} />
      <Figure label="FLOPs a sample" value={formatCount(result.flops)} />
      <Figure
        label="Memory, estimated"
        value={formatBytes(weights + activations + gradients + optimizer)}
        title={`weights ${formatBytes(weights)}, activations ${formatBytes(activations)}, gradients ${formatBytes(gradients)}, optimizer ${formatBytes(optimizer)}`}
      />
    </Group>
  )
}

function Warnings({ warnings }: { warnings: readonly string[] }) {
  if (warnings.length === 0) return null
  return (
    <Alert color="yellow" icon={<TriangleAlert size={18} />} title="Worth knowing">
      <List size="sm" spacing={4}>
        {warnings.map((warning) => (
          <List.Item key={warning}>{warning}</List.Item>
        ))}
      </List>
    </Alert>
  )
}
