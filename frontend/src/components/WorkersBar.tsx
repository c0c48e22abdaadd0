// The workers below every page: on which device each runs, and whether it is at work.
import { Badge, Divider, Group, Text, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Cpu } from 'lucide-react'

import type { Worker } from '../api/types'
import { workersQuery } from '../api/workers'

export function WorkersBar() {
  const { data } = useQuery(workersQuery)
  if (!data) return null
  const workers = data.items.filter((worker) => worker.status !== 'stopped')
  return (
    <footer>
      <Divider mt="xl" mb="md" />
      <Group gap="xs" aria-label="Workers" role="group">
        <Cpu size={16} aria-hidden />
        <Text size="sm" c="dimmed">
          {workers.length === 0 ? 'No worker is running: jobs wait in the queue.' : 'Workers'}
        </Text>
        {workers.map((worker) => (
          <WorkerBadge key={worker.id} worker={worker} />
        ))}
      </Group>
    </footer>
  )
}

const COLOR: Readonly<Record<string, string>> = { idle: 'teal', busy: 'blue' }

function WorkerBadge({ worker }: { worker: Worker }) {
  return (
    <Tooltip label={`${worker.host}, process ${worker.worker_pid}`}>
      <Badge variant="dot" color={COLOR[worker.status] ?? 'orange'} tt="none" fw={500} maw="100%">
        {worker.device} · {worker.status}
      </Badge>
    </Tooltip>
  )
}
