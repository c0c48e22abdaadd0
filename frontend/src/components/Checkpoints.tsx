// The checkpoints that are kept, each with its download.
import { ActionIcon, Badge, Group, Table, Text, Tooltip } from '@mantine/core'
import { Download } from 'lucide-react'

import { checkpointUrl } from '../api/jobs'
import type { Checkpoint } from '../api/types'
import { formatBytes, formatMetric } from '../lib/format'

export function Checkpoints({ jobId, items }: { jobId: string; items: readonly Checkpoint[] }) {
  if (items.length === 0) return <Text c="dimmed">No checkpoint yet.</Text>
  return (
    <Table.ScrollContainer minWidth={520}>
      <Table verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Step</Table.Th>
            <Table.Th>Epoch</Table.Th>
            <Table.Th>Metric</Table.Th>
            <Table.Th>Size</Table.Th>
            <Table.Th>SHA-256</Table.Th>
            <Table.Th aria-label="Download" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="numbers">
          {items.map((one) => (
            <Table.Tr key={one.step}>
              <Table.Td>
                <Group gap="xs">
                  {one.step}
                  {one.is_best && <Badge size="xs" color="teal" variant="light">best</Badge>}
                  {one.is_last && <Badge size="xs" color="gray" variant="light">last</Badge>}
                </Group>
              </Table.Td>
              <Table.Td>{one.epoch}</Table.Td>
              <Table.Td>{one.metric_value === null ? '–' : formatMetric(one.metric_value)}</Table.Td>
              <Table.Td>{formatBytes(one.size_bytes)}</Table.Td>
              <Table.Td className="mono" title={one.sha256}>
                {one.sha256.slice(0, 12)}…
              </Table.Td>
              <Table.Td>
                <Tooltip label="Download as safetensors">
                  <ActionIcon
                    component="a"
                    href={checkpointUrl(jobId, one.step)}
                    download
                    variant="subtle"
                    aria-label={`Download the checkpoint of step ${one.step}`}
                  >
                    <Download size={16} />
                  </ActionIcon>
                </Tooltip>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
