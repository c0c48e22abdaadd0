// Short messages in the corner; screen readers hear them too.
import { notifications } from '@mantine/notifications'

import { describeError } from '../api/problem'

export function sayError(error: unknown): void {
  const { title, message } = describeError(error)
  notifications.show({ color: 'red', title, message, autoClose: 10_000 })
}

export function sayDone(message: string): void {
  notifications.show({ color: 'teal', message })
}
