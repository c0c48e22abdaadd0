// A state as a coloured badge, for jobs and datasets.
import { Badge, Loader } from '@mantine/core'

import type { DatasetStatus, JobStatus } from '../api/types'
import { DATASET_STATUS, STATUS } from './status'

export function StatusBadge({ status, size = 'md' }: { status: JobStatus; size?: 'md' | 'lg' }) {
  return <Look {...STATUS[status]} size={size} />
}

export function DatasetBadge({ status, size = 'md' }: { status: DatasetStatus; size?: 'md' | 'lg' }) {
  return <Look {...DATASET_STATUS[status]} size={size} />
}

interface LookProps {
  label: string
  color: string
  moving: boolean
  size: 'md' | 'lg'
}

function Look({ label, color, moving, size }: LookProps) {
  return (
    <Badge
      variant="light"
      color={color}
      size={size}
      tt="none"
      fw={600}
      leftSection={moving ? <Loader size={10} color={color} aria-hidden /> : undefined}
      style={{ flexShrink: 0 }}
    >
      {label}
    </Badge>
  )
}
