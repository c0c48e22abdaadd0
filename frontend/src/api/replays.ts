// Passports of jobs, and what became of replays.
import { queryOptions } from '@tanstack/react-query'

import { client, unwrap } from './client'
import { FINAL } from './jobs'
import type { JobDetail, JobStatus } from './types'

/** Asked anew with each state of the job, which brings attempts and results. */
export const passportQuery = (id: string, status: JobStatus) =>
  queryOptions({
    queryKey: ['job', id, 'passport', status],
    queryFn: ({ signal }) =>
      unwrap(client.GET('/v1/jobs/{job_id}/passport', { params: { path: { job_id: id } }, signal })),
  })

/** Whether a replay came to the same; there is nothing to ask before it has ended. */
export const replayQuery = (job: JobDetail) =>
  queryOptions({
    queryKey: ['job', job.id, 'replay'],
    queryFn: ({ signal }) =>
      unwrap(client.GET('/v1/jobs/{job_id}/replay', { params: { path: { job_id: job.id } }, signal })),
    enabled: job.replay_of !== null && FINAL.has(job.status),
  })

/** Queue the job again; the key makes a repeated click answer the same replay. */
export function replayJob(id: string, idempotencyKey: string): Promise<JobDetail> {
  return unwrap(
    client.POST('/v1/jobs/{job_id}/replay', {
      params: { path: { job_id: id } },
      headers: { 'Idempotency-Key': idempotencyKey },
    }),
  )
}
