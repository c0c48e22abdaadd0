// The samples that the model is furthest from, with their pictures.
import { Image, SimpleGrid, Stack, Text } from '@mantine/core'

import { errorWords, numberOf, type Row } from '../../lib/jobReport'

const SHOWN = 12

interface WorstErrorsProps {
  rows: readonly Row[]
  datasetId: string
  split: string
}

export function WorstErrors({ rows, datasetId, split }: WorstErrorsProps) {
  return (
    <SimpleGrid cols={{ base: 3, sm: 4, lg: 6 }} spacing="sm">
      {rows.slice(0, SHOWN).map((row, place) => {
        const index = numberOf(row.index) ?? 0
        const words = errorWords(row)
        return (
          <Stack key={place} gap={4} miw={0}>
            <Image
              src={`/v1/datasets/${datasetId}/samples/${index}.png?split=${split}`}
              alt={`Sample ${index}: ${words}`}
              radius="sm"
              loading="lazy"
              style={{ imageRendering: 'pixelated', aspectRatio: 1, background: 'var(--mantine-color-default)' }}
              fit="contain"
            />
            <Text size="xs" c="dimmed" lineClamp={3} title={words}>
              {words}
            </Text>
          </Stack>
        )
      })}
    </SimpleGrid>
  )
}
