// Drop a file of the kind that the model was trained on, see what it says of it.
import { Card, Group, Image, Loader, Progress, SimpleGrid, Stack, Table, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { FileUp } from 'lucide-react'
import { useEffect, useState } from 'react'

import { predict } from '../api/jobs'
import type { Prediction } from '../api/types'
import { formatMetric, formatPercent, toNumber } from '../lib/format'
import type { Trial } from '../lib/trial'
import { DropZone } from './DropZone'
import { ErrorAlert } from './PageError'

const MAX_ROWS = 200

export function TryModel({ jobId, trial }: { jobId: string; trial: Trial }) {
  const [preview, setPreview] = useState<string | null>(null)
  const prediction = useMutation({ mutationFn: (file: File) => predict(jobId, file) })

  useEffect(
    () => () => {
      if (preview) URL.revokeObjectURL(preview)
    },
    [preview],
  )

  const found = prediction.data ?? []
  const [first] = found
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
      <DropZone
        label={`Drop a ${trial.thing}`}
        hint={trial.hint}
        icon={<FileUp size={32} aria-hidden />}
        accept={trial.accept}
        onFile={(file) => {
          setPreview(trial.thing === 'picture' ? URL.createObjectURL(file) : null)
          prediction.mutate(file)
        }}
      />
      <Card aria-live="polite" mih={180}>
        {prediction.isIdle && <Text c="dimmed">What the model says will stand here.</Text>}
        {prediction.isPending && <Loader aria-label="Predicting" />}
        {prediction.isError && <ErrorAlert error={prediction.error} />}
        {prediction.isSuccess && found.length > 1 && <ToldOfMany predictions={found} />}
        {prediction.isSuccess && first && found.length === 1 && (
          <Group align="flex-start" wrap="nowrap" gap="lg">
            {preview && <Image src={preview} alt="Your picture" w={96} h={96} fit="contain" />}
            <Told prediction={first} titled={trial.thing === 'table'} />
          </Group>
        )}
      </Card>
    </SimpleGrid>
  )
}

/** A line for each row or series of a table. */
function ToldOfMany({ predictions }: { predictions: readonly Prediction[] }) {
  const outputs = Object.keys(predictions[0]?.values ?? {})
  const rest = predictions.length - MAX_ROWS
  return (
    <Stack gap="xs" data-testid="predictions">
      <Table.ScrollContainer minWidth={240 + 90 * outputs.length} maxHeight={420}>
        <Table verticalSpacing={6} stickyHeader>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Sample</Table.Th>
              {outputs.length === 0 && <Table.Th>Class</Table.Th>}
              {outputs.map((name) => (
                <Table.Th key={name} ta="right">
                  {name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody className="numbers">
            {predictions.slice(0, MAX_ROWS).map((one, index) => (
              <Table.Tr key={`${one.sample ?? ''} ${index}`}>
                <Table.Td>{one.sample}</Table.Td>
                {outputs.length === 0 && <Table.Td>{inWords(one)}</Table.Td>}
                {outputs.map((name) => (
                  <Table.Td key={name} ta="right">
                    {formatMetric(toNumber(one.values?.[name] ?? NaN))}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {rest > 0 && (
        <Text size="sm" c="dimmed">
          And {rest} more: the API and `trainyard predict` tell all.
        </Text>
      )}
    </Stack>
  )
}

function inWords({ top, labels }: Prediction): string {
  if (labels) return labels.join(', ') || 'none'
  const first = top?.[0]
  return first ? `${first.class} ${formatPercent(toNumber(first.probability))}` : ''
}

function Told({ prediction, titled }: { prediction: Prediction; titled: boolean }) {
  const { sample, top, mask, classes, values } = prediction
  return (
    <Stack gap="sm" flex={1} miw={0} data-testid="predictions">
      {titled && sample && (
        <Text size="sm" c="dimmed">
          {sample}
        </Text>
      )}
      {mask && <Mask url={mask} numClasses={classes?.length ?? 2} />}
      {classes && (
        <Bars
          rows={classes.map((one) => ({ class: one.class, probability: one.share }))}
        />
      )}
      {top && <Bars rows={top} />}
      {values &&
        Object.entries(values).map(([name, value]) => (
          <Group key={name} justify="space-between" wrap="nowrap" gap="xs">
            <Text size="sm" truncate>
              {name}
            </Text>
            <Text size="sm" fw={700} className="numbers">
              {formatMetric(toNumber(value))}
            </Text>
          </Group>
        ))}
    </Stack>
  )
}

/** Class indices are small greys: they are spread out so that the classes can be told apart. */
function Mask({ url, numClasses }: { url: string; numClasses: number }) {
  return (
    <Image
      src={url}
      alt="The predicted mask"
      w={192}
      radius="sm"
      style={{ imageRendering: 'pixelated', filter: `brightness(${255 / Math.max(numClasses - 1, 1)})` }}
    />
  )
}

interface Bar {
  class: string
  probability: number | string
}

function Bars({ rows }: { rows: readonly Bar[] }) {
  return (
    <Stack gap="sm">
      {rows.map((one, index) => (
        <Stack key={one.class} gap={2}>
          <Group justify="space-between" wrap="nowrap" gap="xs">
            <Text size="sm" fw={index === 0 ? 700 : 500} truncate>
              {one.class}
            </Text>
            <Text size="sm" className="numbers" style={{ flexShrink: 0 }}>
              {formatPercent(toNumber(one.probability))}
            </Text>
          </Group>
          <Progress
            value={toNumber(one.probability) * 100}
            color={index === 0 ? 'teal' : 'gray'}
            aria-label={one.class}
          />
        </Stack>
      ))}
    </Stack>
  )
}
