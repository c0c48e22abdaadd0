// Mean, deviation and range of each channel's raw values, with a small histogram.
import { Card, Stack, Table, Text, Title } from '@mantine/core'

import type { ChannelSummary, Histogram } from '../../api/types'
import { plural } from '../../lib/format'
import { formatValue, histogramBars } from '../../lib/report'

// So many columns of a table are read; the JSON has more.
const MAX_ROWS = 64

interface ChannelTableProps {
  channels: readonly ChannelSummary[]
  total: number
}

export function ChannelTable({ channels, total }: ChannelTableProps) {
  const shown = channels.slice(0, MAX_ROWS)
  return (
    <Card p="md">
      <Stack gap="sm">
        <Title order={2} size="h4">
          Values by channel
        </Title>
        <Text size="sm" c="dimmed">
          Raw values of the training samples
          {total > shown.length && `; ${plural(total, 'channel')}, of which ${shown.length} are shown`}
        </Text>
        <Table.ScrollContainer minWidth={520} maxHeight={420}>
          <Table verticalSpacing={6} stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Channel</Table.Th>
                <Table.Th ta="right">mean</Table.Th>
                <Table.Th ta="right">std</Table.Th>
                <Table.Th ta="right">least</Table.Th>
                <Table.Th ta="right">greatest</Table.Th>
                <Table.Th title="Heights are square roots of counts">histogram</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody className="numbers">
              {shown.map((channel) => (
                <Table.Tr key={channel.name}>
                  <Table.Td>{channel.name}</Table.Td>
                  <Number value={channel.mean} />
                  <Number value={channel.std} />
                  <Number value={channel.minimum} />
                  <Number value={channel.maximum} />
                  <Table.Td w={180}>
                    {channel.histogram && (
                      <SmallHistogram name={channel.name} histogram={channel.histogram} />
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      </Stack>
    </Card>
  )
}

export function Number({ value }: { value: number | null }) {
  return <Table.Td ta="right">{value === null ? '–' : formatValue(value)}</Table.Td>
}

function SmallHistogram({ name, histogram }: { name: string; histogram: Histogram }) {
  return (
    <svg
      className="histogram"
      viewBox="0 0 1 1"
      preserveAspectRatio="none"
      role="img"
      aria-label={`Histogram of channel ${name}`}
    >
      {histogramBars(histogram).map(({ x, width, height, title }) => (
        <rect key={x} x={x} width={width * 0.9} y={1 - height} height={height}>
          <title>{title}</title>
        </rect>
      ))}
    </svg>
  )
}
