// What stands in place of a page that cannot be shown.
import { Alert, Button, EmptyState, Stack } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CircleAlert, Compass } from 'lucide-react'

import { describeError } from '../api/problem'

export function ErrorAlert({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, message } = describeError(error)
  return (
    <Alert color="red" icon={<CircleAlert size={18} />} title={title} role="alert">
      <Stack gap="sm" align="flex-start">
        <span style={{ whiteSpace: 'pre-line' }}>{message}</span>
        {retry && (
          <Button size="xs" variant="light" color="red" onClick={retry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

/** The router's answer to an error that a page threw. */
export function PageError({ error, reset }: { error: unknown; reset: () => void }) {
  return <ErrorAlert error={error} retry={reset} />
}

export function NotFoundPage() {
  return (
    <EmptyState
      p="xl"
      variant="light"
      icon={<Compass />}
      title="There is no such page"
      description="The address may be mistyped, or what stood here was deleted."
    >
      <EmptyState.Actions>
        <Button renderRoot={(props) => <Link to="/jobs" {...props} />}>To the jobs</Button>
      </EmptyState.Actions>
    </EmptyState>
  )
}
