// What augmentation and preprocessing of a spec do to samples of its dataset; drawn anew on request.
import { Button, Card, Group, ScrollArea, Stack, Table, Text, Title } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { Dices, Eye } from 'lucide-react'
import { useState } from 'react'

import { previewSamples } from '../api/datasets'
import type { Preview, PreviewRequest, Shown, Spec } from '../api/types'
import { polylines, previewRequest } from '../lib/preview'
import { ErrorAlert } from './PageError'

interface PreviewPanelProps {
  datasetId: string
  /** The spec as it stands; null while it has mistakes. */
  spec: Spec | null
}

export function PreviewPanel({ datasetId, spec }: PreviewPanelProps) {
  // What was drawn last stays to be seen while another draw is on its way.
  const [drawn, setDrawn] = useState<{ preview: Preview; seed: number } | null>(null)
  const look = useMutation({
    mutationFn: (request: PreviewRequest) => previewSamples(datasetId, request),
    onSuccess: (preview, { seed }) => {
      setDrawn({ preview, seed })
    },
  })
  const seed = drawn?.seed ?? 0
  const request = spec && previewRequest(spec, seed)
  return (
    <Card p="md">
      <Stack gap="md">
        <Group justify="space-between">
          <Title order={2} size="h4">
            Augmentation
          </Title>
          <Group gap={6} wrap="nowrap">
            {drawn && (
              <Button
                variant="default"
                size="xs"
                px="xs"
                leftSection={<Dices size={14} aria-hidden />}
                disabled={!request || look.isPending}
                onClick={() => {
                  if (request) look.mutate({ ...request, seed: seed + 1 })
                }}
              >
                Draw again
              </Button>
            )}
            <Button
              variant="light"
              size="xs"
              px="xs"
              leftSection={<Eye size={14} aria-hidden />}
              disabled={!request}
              loading={look.isPending}
              onClick={() => {
                if (request) look.mutate(request)
              }}
            >
              Preview augmentation
            </Button>
          </Group>
        </Group>
        <div aria-live="polite">
          {look.isError && <ErrorAlert error={look.error} />}
          {drawn && !look.isError && <Grid {...drawn} />}
          {drawn === null && !look.isError && (
            <Text c="dimmed" size="sm">
              {request
                ? 'See what augment and preprocess make of four samples, before you train.'
                : 'A spec without mistakes that has augment or preprocess steps can be previewed.'}
            </Text>
          )}
        </div>
      </Stack>
    </Card>
  )
}

function Grid({ preview, seed }: { preview: Preview; seed: number }) {
  const [first] = preview.items
  if (!first) return null
  const prepared = first.prepared !== null
  return (
    <Stack gap="xs">
      <ScrollArea type="auto" offsetScrollbars>
        <Table layout="fixed" withRowBorders={false} className="preview" aria-label="Preview">
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">Stored</Table.Th>
              {prepared && <Table.Th scope="col">Prepared</Table.Th>}
              <Table.Th scope="col" colSpan={first.variants.length}>
                In training
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {preview.items.map((item) => (
              <Table.Tr key={item.n}>
                <Cell shown={item.original} label={`Sample ${item.n}`} />
                {item.prepared && <Cell shown={item.prepared} label={`Sample ${item.n}, prepared`} />}
                {item.variants.map((shown, place) => (
                  <Cell
                    key={place}
                    shown={shown}
                    label={`Sample ${item.n}, variant ${place + 1}`}
                  />
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea>
      <Text size="xs" c="dimmed">
        Drawn with seed {seed}. Nothing of this is kept.
      </Text>
    </Stack>
  )
}

function Cell({ shown, label }: { shown: Shown; label: string }) {
  return (
    <Table.Td p={4}>
      {shown.picture != null ? (
        <img className="picture" src={shown.picture} alt={label} />
      ) : (
        <Line series={shown.series ?? []} label={label} />
      )}
    </Table.Td>
  )
}

const WIDTH = 120
const HEIGHT = 60

function Line({ series, label }: { series: readonly number[][]; label: string }) {
  return (
    <svg viewBox={`-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`} className="line" role="img" aria-label={label}>
      {polylines(series, WIDTH, HEIGHT).map((points, channel) => (
        <polyline key={channel} points={points} />
      ))}
    </svg>
  )
}
