// The one cache of server state, shared by routes and components.
import { QueryClient } from '@tanstack/react-query'

import { worthRetrying } from './api/client'

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: worthRetrying, staleTime: 1000 } },
})
