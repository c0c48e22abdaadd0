// The check of a spec: shapes, parameters and every mistake, without running anything.
import { queryOptions, useQuery } from '@tanstack/react-query'

import { tidySpec, type LayerDefaults } from '../lib/tidySpec'
import { client, unwrap } from './client'
import { specOf } from './jobs'
import type { CheckResult, Job, Spec } from './types'

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

const layersQuery = queryOptions({
  queryKey: ['layers'],
  queryFn: ({ signal }) => unwrap(client.GET('/v1/layers', { signal })),
  staleTime: Infinity,
  select: ({ items }): LayerDefaults =>
    new Map(items.map(({ type, fields }) => [type, defaultsOf(fields)])),
})

/** The defaults that a JSON Schema of an object names for its members. */
function defaultsOf(schema: Record<string, unknown>): Record<string, unknown> {
  const properties = (schema.properties ?? schema) as Record<string, unknown>
  const named = Object.entries(properties).filter(
    (entry): entry is [string, { default: unknown }] =>
      typeof entry[1] === 'object' && entry[1] !== null && 'default' in entry[1],
  )
  return Object.fromEntries(named.map(([field, { default: value }]) => [field, value]))
}

/** A job's spec as a person would write it; undefined until the catalogue of layers is there. */
export function useSpecOf(job: Job | undefined): Spec | undefined {
  const { data: defaults, isError } = useQuery(layersQuery)
  if (!job) return undefined
  if (isError) return specOf(job)
  return defaults && tidySpec(specOf(job), defaults)
}
