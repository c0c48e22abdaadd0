// Log in with an API key, or by the one-time link that the service printed at its start.
import { Anchor, Button, Card, Center, Code, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'

import { logIn } from '../api/session'
import { Logo } from '../components/Logo'
import { ErrorAlert } from '../components/PageError'
import { loginRoute } from '../router'

export function LoginPage() {
  const { token, next } = loginRoute.useSearch()
  const router = useRouter()
  const queryClient = useQueryClient()
  const [key, setKey] = useState('')
  const used = useRef(false)
  const login = useMutation({
    mutationFn: logIn,
    onSuccess: () => {
      queryClient.clear()
      router.history.replace(safePath(next))
    },
  })
  const { mutate } = login

  useEffect(() => {
    // A link works once: it must not be used up by rendering twice.
    if (token === undefined || used.current) return
    used.current = true
    mutate({ token })
  }, [token, mutate])

  return (
    <Center mih="100dvh" p="md" component="main">
      <Card w="100%" maw={420} p="xl" shadow="sm">
        <form
          onSubmit={(event) => {
            event.preventDefault()
            mutate({ key: key.trim() })
          }}
        >
          <Stack gap="lg">
            <Stack gap="xs" align="center">
              <Logo size={48} />
              <Title order={1} size="h2">
                Trainyard
              </Title>
              <Text c="dimmed" size="sm" ta="center">
                Train convolutional networks from a JSON spec.
              </Text>
            </Stack>
            {login.isError && <ErrorAlert error={login.error} />}
            <PasswordInput
              label="API key"
              description="Sent once in exchange for a session cookie; stored nowhere."
              name="key"
              autoComplete="current-password"
              value={key}
              onChange={(event) => {
                setKey(event.currentTarget.value)
              }}
              data-autofocus
              autoFocus
              required
            />
            <Button type="submit" fullWidth loading={login.isPending} disabled={key.trim() === ''}>
              Log in
            </Button>
            <Text size="xs" c="dimmed">
              The first key stands in the file <Code>key</Code> of the service’s home, and{' '}
              <Code>make run</Code> prints a link that logs you in once. See the{' '}
              <Anchor href="/docs" size="xs">
                API reference
              </Anchor>
              .
            </Text>
          </Stack>
        </form>
      </Card>
    </Center>
  )
}

/** Where to go after logging in: a path of this site, never another host. */
function safePath(next: string | undefined): string {
  return next?.startsWith('/') && !next.startsWith('//') && !next.startsWith('/\\') ? next : '/jobs'
}
