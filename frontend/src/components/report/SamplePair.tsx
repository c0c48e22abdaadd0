// A sample that a finding is about, beside the one that it resembles.
import { Group, Stack, Text } from '@mantine/core'

import type { Example, Place } from '../../api/types'
import { pictureUrl } from '../../lib/report'

export function SamplePair({ datasetId, example }: { datasetId: string; example: Example }) {
  const { twin } = example
  return (
    <Group gap={6} wrap="nowrap" className="pair">
      <Picture datasetId={datasetId} place={example} />
      {twin && <Picture datasetId={datasetId} place={twin} />}
    </Group>
  )
}

function Picture({ datasetId, place }: { datasetId: string; place: Place }) {
  const { name, split, label } = place
  const where = [split, label].filter((text) => text !== null).join(' · ')
  return (
    <Stack gap={2} w={104} title={name}>
      <img
        className="picture"
        src={pictureUrl(datasetId, place) ?? ''}
        alt={`${name}, ${where}`}
        loading="lazy"
      />
      <Text size="xs" truncate>
        {where}
      </Text>
      <Text size="xs" c="dimmed" truncate className="numbers">
        {name}
      </Text>
    </Stack>
  )
}
