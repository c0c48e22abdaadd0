// The head of a page: its title, what stands beside it, and its actions.
import { Group, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'

interface PageHeaderProps {
  title: string
  /** Beside the title, such as a state. */
  aside?: ReactNode
  /** At the right end, such as buttons. */
  children?: ReactNode
}

export function PageHeader({ title, aside, children }: PageHeaderProps) {
  useDocumentTitle(`${title} · Trainyard`)
  return (
    <Group justify="space-between" gap="sm">
      <Group gap="sm" wrap="nowrap" style={{ minWidth: 0 }}>
        <Title order={1} size="h2" className="break">
          {title}
        </Title>
        {aside}
      </Group>
      {children}
    </Group>
  )
}
