// What can be done to a job, by its state; the drastic ones ask first.
import { ActionIcon, Button, Group, Menu, Text } from '@mantine/core'
import { modals } from '@mantine/modals'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { CircleStop, Ellipsis, Pause, Play, Trash2, type LucideIcon } from 'lucide-react'

import { ALLOWED, changeJob, deleteJob, type JobVerb } from '../api/jobs'
import type { Job } from '../api/types'
import { formatBytes } from '../lib/format'
import { sayDone, sayError } from './toasts'

type Action = JobVerb | 'delete'

const LOOK: Record<Action, { label: string; icon: LucideIcon; color: string }> = {
  pause: { label: 'Pause', icon: Pause, color: 'gray' },
  resume: { label: 'Resume', icon: Play, color: 'teal' },
  cancel: { label: 'Cancel', icon: CircleStop, color: 'orange' },
  delete: { label: 'Delete', icon: Trash2, color: 'red' },
}

interface JobActionsProps {
  job: Job
  /** `menu`: behind three dots, for lists. */
  form: 'menu' | 'buttons'
  onDeleted?: () => void
}

export function JobActions({ job, form, onDeleted }: JobActionsProps) {
  const act = useJobActions(job, onDeleted)
  const actions = ALLOWED[job.status]
  if (actions.length === 0) return null
  if (form === 'menu') return <ActionsMenu job={job} actions={actions} act={act} />
  return (
    <Group gap="xs">
      {actions.map((action) => {
        const { label, icon: Icon, color } = LOOK[action]
        return (
          <Button
            key={action}
            variant={action === 'delete' ? 'subtle' : 'light'}
            color={color}
            size="sm"
            leftSection={<Icon size={16} />}
            onClick={() => {
              act(action)
            }}
          >
            {label}
          </Button>
        )
      })}
    </Group>
  )
}

interface ActionsMenuProps {
  job: Job
  actions: readonly Action[]
  act: (action: Action) => void
}

function ActionsMenu({ job, actions, act }: ActionsMenuProps) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Actions for ${job.name}`}>
          <Ellipsis size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actions.map((action) => {
          const { label, icon: Icon, color } = LOOK[action]
          return (
            <Menu.Item
              key={action}
              leftSection={<Icon size={16} />}
              {...(action === 'delete' ? { color } : {})}
              onClick={() => {
                act(action)
              }}
            >
              {label}
            </Menu.Item>
          )
        })}
      </Menu.Dropdown>
    </Menu>
  )
}

function useJobActions(job: Job, onDeleted?: () => void): (action: Action) => void {
  const queryClient = useQueryClient()
  const refresh = () =>
    Promise.all([
      queryClient.invalidateQueries({ queryKey: ['jobs'] }),
      queryClient.invalidateQueries({ queryKey: ['job', job.id] }),
    ])
  const change = useMutation({
    mutationFn: (verb: JobVerb) => changeJob(job.id, verb),
    onError: sayError,
    onSettled: refresh,
  })
  const remove = useMutation({
    mutationFn: () => deleteJob(job.id),
    onError: sayError,
    onSuccess: async ({ freed_bytes }) => {
      sayDone(`Deleted “${job.name}”: ${formatBytes(freed_bytes)} freed.`)
      onDeleted?.()
      queryClient.removeQueries({ queryKey: ['job', job.id] })
      await queryClient.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
  return (action) => {
    if (action === 'delete') {
      confirm(`Delete “${job.name}”?`, 'Its model, metrics and logs go for good.', 'Delete', () => {
        remove.mutate()
      })
    } else if (action === 'cancel') {
      confirm(`Cancel “${job.name}”?`, 'A cancelled job cannot be resumed.', 'Cancel the job', () => {
        change.mutate('cancel')
      })
    } else {
      change.mutate(action)
    }
  }
}

/** Ask before something that cannot be undone. */
export function confirm(title: string, text: string, label: string, onConfirm: () => void): void {
  modals.openConfirmModal({
    title: <Text fw={600}>{title}</Text>,
    children: <Text size="sm">{text}</Text>,
    labels: { confirm: label, cancel: 'Keep' },
    confirmProps: { color: 'red' },
    onConfirm,
  })
}
