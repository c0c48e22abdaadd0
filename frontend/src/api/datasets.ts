// Everything the dashboard asks of datasets, but the upload (see upload.ts).
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'

import { client, unwrap } from './client'
import type { Preview, PreviewRequest, SplitName } from './types'

const INGESTING_MILLISECONDS = 1000

export const datasetsQuery = infiniteQueryOptions({
  queryKey: ['datasets'],
  queryFn: ({ pageParam, signal }) =>
    unwrap(
      client.GET('/v1/datasets', {
        params: { query: { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      }),
    ),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor ?? null,
  refetchInterval: ({ state }) => {
    const datasets = state.data?.pages.flatMap((page) => page.items) ?? []
    return datasets.some((one) => one.status === 'ingesting') ? INGESTING_MILLISECONDS : 15_000
  },
})

export const datasetQuery = (id: string) =>
  queryOptions({
    queryKey: ['dataset', id],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET('/v1/datasets/{dataset_id}', { params: { path: { dataset_id: id } }, signal }),
      ),
    refetchInterval: ({ state }) =>
      state.data?.status === 'ingesting' ? INGESTING_MILLISECONDS : false,
  })

/** The report of a scan that has ended; it never changes. */
export const reportQuery = (id: string) =>
  queryOptions({
    queryKey: ['dataset', id, 'report'],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET('/v1/datasets/{dataset_id}/report', {
          params: { path: { dataset_id: id } },
          signal,
        }),
      ),
    staleTime: Infinity,
  })

export const versionsQuery = (name: string) =>
  queryOptions({
    queryKey: ['datasets', 'versions', name],
    queryFn: ({ signal }) =>
      unwrap(client.GET('/v1/datasets', { params: { query: { name, limit: 200 } }, signal })),
  })

/** Where a dataset is downloaded in its canonical form. */
export function downloadUrl(id: string): string {
  return `/v1/datasets/${id}/download`
}

export interface SampleFilter {
  split: SplitName
  className: string | null
  limit: number
}

export const samplesQuery = (id: string, { split, className, limit }: SampleFilter) =>
  queryOptions({
    queryKey: ['dataset', id, 'samples', split, className, limit],
    queryFn: ({ signal }) =>
      unwrap(
        client.GET('/v1/datasets/{dataset_id}/samples', {
          params: {
            path: { dataset_id: id },
            query: { split, limit, ...(className === null ? {} : { class: className }) },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  })

export function deleteDataset(id: string): Promise<{ freed_bytes: number }> {
  return unwrap(
    client.DELETE('/v1/datasets/{dataset_id}', { params: { path: { dataset_id: id } } }),
  )
}

/** What the steps of the request make of some samples; a worker works it out. */
export function previewSamples(id: string, request: PreviewRequest): Promise<Preview> {
  return unwrap(
    client.POST('/v1/datasets/{dataset_id}/augmented', {
      params: { path: { dataset_id: id } },
      body: request,
    }),
  )
}
