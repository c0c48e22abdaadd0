// Drop a picture, see what the trained model takes it for.
import { Card, Group, Image, Loader, Progress, SimpleGrid, Stack, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { ImageUp } from 'lucide-react'
import { useEffect, useState } from 'react'

import { predict } from '../api/jobs'
import type { Prediction } from '../api/types'
import { formatPercent, toNumber } from '../lib/format'
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
        {prediction.isIdle && <Text c="dimmed">The most probable classes will stand here.</Text>}
        {prediction.isPending && <Loader aria-label="Predicting" />}
        {prediction.isError && <ErrorAlert error={prediction.error} />}
        {prediction.isSuccess && first && (
          <Group align="flex-start" wrap="nowrap" gap="lg">
            {preview && <Image src={preview} alt="Your picture" w={96} h={96} fit="contain" />}
            <Bars prediction={first} />
          </Group>
        )}
      </Card>
    </SimpleGrid>
  )
}

function Bars({ prediction }: { prediction: Prediction }) {
  return (
    <Stack gap="sm" flex={1} miw={0} data-testid="predictions">
      {prediction.top.map((one, index) => (
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
