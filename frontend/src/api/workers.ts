// The workers and what they do now, for the top bar.
import { queryOptions } from '@tanstack/react-query'

import { client, unwrap } from './client'

export const workersQuery = queryOptions({
  queryKey: ['workers'],
  queryFn: ({ signal }) => unwrap(client.GET('/v1/workers', { signal })),
  refetchInterval: 5000,
})
