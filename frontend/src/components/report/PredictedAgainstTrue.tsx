// Predicted against true values: a perfect model's points lie on the line.
import { Group, Stack, Text } from '@mantine/core'

import { formatMetric } from '../../lib/format'
import { placed } from '../../lib/jobReport'

const SIZE = 300

export function PredictedAgainstTrue({ points }: { points: readonly (readonly [number, number])[] }) {
  const { low, high, places } = placed(points)
  return (
    <Stack gap={4} maw={360}>
      <Text size="xs" c="dimmed">
        predicted ↑
      </Text>
      <svg
        viewBox={`0 0 ${SIZE} ${SIZE}`}
        role="img"
        aria-label={`Predicted against true values of ${points.length} samples`}
        style={{ width: '100%', border: '1px solid var(--mantine-color-default-border)', borderRadius: 8 }}
      >
        <line x1={0} y1={SIZE} x2={SIZE} y2={0} stroke="var(--mantine-color-dimmed)" strokeDasharray="4 4" />
        {places.map(({ x, y }, index) => (
          <circle
            key={index}
            cx={6 + x * (SIZE - 12)}
            cy={6 + y * (SIZE - 12)}
            r={2.5}
            fill="var(--mantine-color-indigo-5)"
            fillOpacity={0.6}
          />
        ))}
      </svg>
      <Group justify="space-between">
        <Text size="xs" c="dimmed" className="numbers">
          {formatMetric(low)}
        </Text>
        <Text size="xs" c="dimmed">
          true →
        </Text>
        <Text size="xs" c="dimmed" className="numbers">
          {formatMetric(high)}
        </Text>
      </Group>
    </Stack>
  )
}
