// Sizes and kinds of the pictures as they were uploaded.
import { Badge, Card, Group, Stack, Text, Title } from '@mantine/core'

import type { PictureSummary } from '../../api/types'
import { plural } from '../../lib/format'

const MAX_SIZES = 24

export function PictureSizes({ pictures }: { pictures: PictureSummary }) {
  const { num_sizes, sizes, modes } = pictures
  const shown = sizes.slice(0, MAX_SIZES)
  return (
    <Card p="md">
      <Stack gap="sm">
        <Title order={2} size="h4">
          Pictures as uploaded
        </Title>
        <Group gap={6}>
          {Object.entries(modes).map(([mode, count]) => (
            <Badge key={mode} variant="light" tt="none" className="numbers">
              {count.toLocaleString('en')} {mode}
            </Badge>
          ))}
        </Group>
        <Group gap={6}>
          {shown.map(({ height, width, count }) => (
            <Badge key={`${height} ${width}`} variant="default" tt="none" className="numbers">
              {height} × {width}: {count.toLocaleString('en')}
            </Badge>
          ))}
          {num_sizes > shown.length && (
            <Text size="xs" c="dimmed">
              and {plural(num_sizes - shown.length, 'more size')}
            </Text>
          )}
        </Group>
        <Text size="xs" c="dimmed">
          Height × width in pixels
        </Text>
      </Stack>
    </Card>
  )
}
