// The check of a spec: shapes, parameters and every mistake, without running anything.
import { queryOptions } from '@tanstack/react-query'

import { client, unwrap } from './client'
import type { CheckResult, Spec } from './types'

export function checkSpec(spec: Spec, signal?: AbortSignal): Promise<CheckResult> {
  return unwrap(
    client.POST('/v1/specs/check', { body: spec as never, ...(signal ? { signal } : {}) }),
  )
}

export const specCheckQuery = (spec: Spec) =>
  queryOptions({
    queryKey: ['spec-check', spec],
    queryFn: ({ signal }) => checkSpec(spec, signal),
    retry: false,
    staleTime: 60_000,
  })
