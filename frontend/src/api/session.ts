// Logging in and out. The key is sent once and kept nowhere; the session is an HttpOnly cookie.
import { queryOptions } from '@tanstack/react-query'

import { client, unwrap } from './client'
import { toApiError } from './problem'
import type { SessionInfo } from './types'

/** Exchange an API key, or the token of a one-time link, for the session cookie. */
export async function logIn(secret: { key: string } | { token: string }): Promise<SessionInfo> {
  const { data, error, response } = await client.POST('/v1/session', { body: secret })
  if (response.ok && data) return data
  // Not through `unwrap`: a wrong key answers 401, and we are on the login page already.
  throw toApiError(response.status, error)
}

export async function logOut(): Promise<void> {
  await client.DELETE('/v1/session')
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: () => unwrap(client.GET('/v1/session')),
  staleTime: Infinity,
})
