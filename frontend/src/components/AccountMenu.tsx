// Who is logged in, the API's own pages, and the way out.
import { ActionIcon, Menu } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { BookOpen, CircleUser, LogOut } from 'lucide-react'

import { logOut, sessionQuery } from '../api/session'
import { sayError } from './toasts'

export function AccountMenu() {
  const { data: session } = useQuery(sessionQuery)
  const queryClient = useQueryClient()
  const navigate = useNavigate()
  const leave = useMutation({
    mutationFn: logOut,
    onError: sayError,
    onSuccess: async () => {
      await navigate({ to: '/login' })
      queryClient.clear()
    },
  })
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Account">
          <CircleUser size={20} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {session && (
          <Menu.Label>{session.is_admin ? `${session.owner}, administrator` : session.owner}</Menu.Label>
        )}
        <Menu.Item component="a" href="/docs" leftSection={<BookOpen size={16} />}>
          API reference
        </Menu.Item>
        <Menu.Item
          leftSection={<LogOut size={16} />}
          onClick={() => {
            leave.mutate()
          }}
        >
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
