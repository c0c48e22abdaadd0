// Everything the dashboard asks of jobs.
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'

import { client, unwrap } from './client'
import type { Job, JobDetail, JobStatus, Spec } from './types'

export interface JobFilter {
  status?: JobStatus | undefined
  q?: string | undefined
}

export const FINAL: ReadonlySet<JobStatus> = new Set(['succeeded', 'failed', 'cancelled'])

const PAGE_SIZE = 25
const LIVE_MILLISECONDS = 2000
const QUIET_MILLISECONDS = 6000

/** Jobs, newest first, page by page; asked again sooner while one of them is on its way. */
export const jobsQuery = (filter: JobFilter) =>
  infiniteQueryOptions({
    queryKey: ['jobs', filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        client.GET('/v1/jobs', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(pageParam ? { cursor: pageParam } : {}),
              ...(filter.status ? { status: [filter.status] } : {}),
              ...(filter.q ? { q: filter.q } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor ?? null,
    refetchInterval: ({ state }) => {
      const jobs = state.data?.pages.flatMap((page) => page.items) ?? []
      return jobs.some((job) => isMoving(job)) ? LIVE_MILLISECONDS : QUIET_MILLISECONDS
    },
  })

const isMoving = (job: Job) => !FINAL.has(job.status) && job.status !== 'paused'

/** One job; asked again while it moves, beside the event stream, for queue and summary. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: ({ signal }) =>
      unwrap(client.GET('/v1/jobs/{job_id}', { params: { path: { job_id: id } }, signal })),
    refetchInterval: ({ state }) =>
      state.data && FINAL.has(state.data.status) ? false : LIVE_MILLISECONDS,
  })

export const checkpointsQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id, 'checkpoints'],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET('/v1/jobs/{job_id}/checkpoints', {
          params: { path: { job_id: id }, query: { limit: 200 } },
          signal,
        }),
      ),
  })

export const reportQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id, 'report'],
    queryFn: ({ signal }) =>
      unwrap(client.GET('/v1/jobs/{job_id}/report', { params: { path: { job_id: id } }, signal })),
    staleTime: Infinity,
  })

/** Submit a spec; the idempotency key makes a repeated click answer the same job. */
export function createJob(spec: Spec, idempotencyKey: string): Promise<Job> {
  return unwrap(
    client.POST('/v1/jobs', {
      body: spec as never,
      headers: { 'Idempotency-Key': idempotencyKey },
    }),
  )
}

export type JobVerb = 'cancel' | 'pause' | 'resume'

export function changeJob(id: string, verb: JobVerb): Promise<Job> {
  const params = { path: { job_id: id } }
  if (verb === 'cancel') return unwrap(client.POST('/v1/jobs/{job_id}/cancel', { params }))
  if (verb === 'pause') return unwrap(client.POST('/v1/jobs/{job_id}/pause', { params }))
  return unwrap(client.POST('/v1/jobs/{job_id}/resume', { params }))
}

export function deleteJob(id: string): Promise<{ freed_bytes: number }> {
  return unwrap(client.DELETE('/v1/jobs/{job_id}', { params: { path: { job_id: id } } }))
}

/** What may be done to a job in each state; the API's own table decides in the end. */
export const ALLOWED: Record<JobStatus, readonly (JobVerb | 'delete')[]> = {
  queued: ['pause', 'cancel', 'delete'],
  running: ['pause', 'cancel'],
  pausing: ['cancel'],
  paused: ['resume', 'cancel', 'delete'],
  cancelling: [],
  succeeded: ['delete'],
  failed: ['delete'],
  cancelled: ['delete'],
}

/** The spec behind a job, as it was posted and can be posted again. */
export function specOf(job: JobDetail): Spec {
  const { name, dataset, tags, priority, notes, written } = job
  return {
    name,
    dataset,
    ...(tags.length > 0 ? { tags } : {}),
    ...(priority ? { priority } : {}),
    ...(notes ? { notes } : {}),
    ...written,
  }
}

/** Where a model file is; the browser downloads it by itself, with the session cookie. */
export function modelUrl(id: string, format: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}/model?format=${format}`
}

export function checkpointUrl(id: string, step: number): string {
  return `/v1/jobs/${encodeURIComponent(id)}/checkpoints/${step}`
}

/** What the best model says of a file: of a table, of each row or series. */
export async function predict(id: string, file: File) {
  const form = new FormData()
  form.append('file', file)
  const answer = await unwrap(
    client.POST('/v1/jobs/{job_id}/predictions', {
      params: { path: { job_id: id } },
      body: form as never,
      bodySerializer: (body: unknown) => body as FormData,
    }),
  )
  return answer.predictions
}
