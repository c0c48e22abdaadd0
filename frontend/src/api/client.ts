// The typed client: same origin, session cookie, errors thrown as ApiError, 401 told to the app.
import createClient from 'openapi-fetch'

import { ApiError, toApiError } from './problem'
import type { paths } from './schema'

export const client = createClient<paths>({ baseUrl: globalThis.location.origin })

let tellUnauthorized: () => void = () => undefined

/** Register what happens when a session is missing or over; the router goes to the login page. */
export function onUnauthorized(callback: () => void): void {
  tellUnauthorized = callback
}

/** Tell the app that an answer was 401. */
export function unauthorized(): void {
  tellUnauthorized()
}

interface Answer<Data> {
  data?: Data
  error?: unknown
  response: Response
}

/** The data of an answer, or the thrown ApiError; a 401 also leads to the login page. */
export async function unwrap<Data>(answer: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  let settled: Answer<Data>
  try {
    settled = await answer
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === 'AbortError') throw reason
    throw toApiError(0, null)
  }
  const { data, error, response } = settled
  if (!response.ok) {
    if (response.status === 401) unauthorized()
    throw toApiError(response.status, error)
  }
  return data as NonNullable<Data>
}

/** Whether a failed query is worth another try: only where the server or the line is at fault. */
export function worthRetrying(failures: number, error: unknown): boolean {
  const fault = error instanceof ApiError && (error.status === 0 || error.status >= 502)
  return fault && failures < 3
}
