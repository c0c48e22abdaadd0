// Errors of the API as one class, made from problem+json (RFC 9457) or from what came instead.
import type { Mistake, ProblemDetails } from './types'

/** What went wrong with a request; `status` is 0 where no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    message: string,
    readonly errors: Mistake[] = [],
    readonly errorId: string | null = null,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

/** The error behind an answer's body, whatever that body is. */
export function toApiError(status: number, body: unknown): ApiError {
  if (isProblem(body)) {
    return new ApiError(status, body.title, body.detail, body.errors, body.error_id ?? null)
  }
  const title = status === 0 ? 'No connection' : `Error ${status}`
  const message =
    status === 0 ? 'The server does not answer.' : 'The server gave an answer without a reason.'
  return new ApiError(status, title, message)
}

function isProblem(body: unknown): body is ProblemDetails {
  return typeof body === 'object' && body !== null && 'title' in body && 'detail' in body
}

/** Any thrown value as title and message to show. */
export function describeError(error: unknown): { title: string; message: string } {
  if (error instanceof ApiError) {
    const lines = error.errors.map((one) => `${one.path ? `${one.path}: ` : ''}${one.message}`)
    const id = error.errorId ? ` (error ${error.errorId})` : ''
    return { title: error.title, message: [error.message + id, ...lines].join('\n') }
  }
  return { title: 'Something went wrong', message: error instanceof Error ? error.message : '' }
}

/** A body as JSON, null where it is none. */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
