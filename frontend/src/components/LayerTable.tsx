// The layers of a checked model: shapes, parameters and work, with the sums below.
import { Alert, Group, List, Stack, Table, Text } from '@mantine/core'
import { TriangleAlert } from 'lucide-react'

import type { CheckResult } from '../api/types'
import { formatBytes, formatCount, formatShape } from '../lib/format'

export function LayerTable({ result }: { result: CheckResult }) {
  return (
    <Stack gap="md">
      <Totals result={result} />
      <Warnings warnings={result.warnings} />
      <Table.ScrollContainer minWidth={430} maxHeight={560}>
        <Table verticalSpacing={6} stickyHeader>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Layer</Table.Th>
              <Table.Th>Type</Table.Th>
              <Table.Th>Output</Table.Th>
              <Table.Th ta="right">Parameters</Table.Th>
              <Table.Th ta="right">FLOPs</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="numbers">
            {result.layers.map((layer) => (
              <Table.Tr key={layer.name}>
                <Table.Td>{layer.name}</Table.Td>
                <Table.Td className="mono">{layer.type}</Table.Td>
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
  const { weights, activations, optimizer } = result.memory_bytes
  return (
    <Group gap="xl">
      <Figure label="Parameters" value={result.num_params.toLocaleString('en')} />
      <Figure label="FLOPs a sample" value={formatCount(result.flops)} />
      <Figure
        label="Memory, estimated"
        value={formatBytes(weights + activations + optimizer)}
        title={`weights ${formatBytes(weights)}, activations ${formatBytes(activations)}, optimizer ${formatBytes(optimizer)}`}
      />
    </Group>
  )
}

export function Figure({ label, value, title }: { label: string; value: string; title?: string }) {
  return (
    <Stack gap={0} {...(title ? { title } : {})}>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text fw={650} className="numbers">
        {value}
      </Text>
    </Stack>
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
