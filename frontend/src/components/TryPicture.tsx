// Drop a picture, see what the trained model takes it for.
import { Card, Group, Image, Loader, Progress, SimpleGrid, Stack, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { ImageUp } from 'lucide-react'
import { useEffect, useState } from 'react'

import { predict } from '../api/jobs'
import type { Prediction } from '../api/types'
import { formatMetric, formatPercent, toNumber } from '../lib/format'
import { DropZone } from './DropZone'
import { ErrorAlert } from './PageError'

export function TryPicture({ jobId }: { jobId: string }) {
  const [preview, setPreview] = useState<string | null>(null)
  const prediction = useMutation({ mutationFn: (file: File) => predict(jobId, file) })

  useEffect(
    () => () => {
      if (preview) URL.revokeObjectURL(preview)
    },
    [preview],
  )

  const first = prediction.data?.[0]
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="lg">
      <DropZone
        label="Drop a picture"
        hint="or click to choose one; it is not kept"
        icon={<ImageUp size={32} aria-hidden />}
        accept="image/*"
        onFile={(file) => {
          setPreview(URL.createObjectURL(file))
          prediction.mutate(file)
        }}
      />
      <Card aria-live="polite" mih={180}>
        {prediction.isIdle && <Text c="dimmed">What the model says will stand here.</Text>}
        {prediction.isPending && <Loader aria-label="Predicting" />}
        {prediction.isError && <ErrorAlert error={prediction.error} />}
        {prediction.isSuccess && first && (
          <Group align="flex-start" wrap="nowrap" gap="lg">
            {preview && <Image src={preview} alt="Your picture" w={96} h={96} fit="contain" />}
            <Told prediction={first} />
          </Group>
        )}
      </Card>
    </SimpleGrid>
  )
}

function Told({ prediction }: { prediction: Prediction }) {
  const { top, mask, classes, values } = prediction
  return (
    <Stack gap="sm" flex={1} miw={0} data-testid="predictions">
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
