// A labelled figure, many of which stand in a row.
import { Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'

interface FigureProps {
  label: string
  value: ReactNode
  title?: string
}

export function Figure({ label, value, title }: FigureProps) {
  return (
    <Stack gap={0} {...(title ? { title } : {})}>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <Text fw={650} className="numbers" component="div">
        {value}
      </Text>
    </Stack>
  )
}
