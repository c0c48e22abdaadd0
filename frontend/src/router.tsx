// The pages and their addresses. Each page is a chunk of its own, loaded when it is gone to.
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'

import type { JobStatus } from './api/types'
import { Layout } from './components/Layout'
import { NotFoundPage, PageError } from './components/PageError'
import { STATUS } from './components/status'

const rootRoute = createRootRoute({ notFoundComponent: NotFoundPage })

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

export const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/login',
  validateSearch: (search): { token?: string; next?: string } => {
    const token = text(search.token)
    const next = text(search.next)
    return { ...(token ? { token } : {}), ...(next ? { next } : {}) }
  },
  component: lazyRouteComponent(() => import('./routes/LoginPage'), 'LoginPage'),
})

/** Everything that needs a session stands inside the frame with the top bar. */
const frameRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'frame',
  component: Layout,
})

const indexRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: '/',
  beforeLoad: () => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- how the router redirects
    throw redirect({ to: '/jobs' })
  },
})

const isStatus = (value: unknown): value is JobStatus =>
  typeof value === 'string' && Object.hasOwn(STATUS, value)

export const jobsRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: '/jobs',
  validateSearch: (search): { status?: JobStatus; q?: string } => {
    const q = text(search.q)
    return { ...(isStatus(search.status) ? { status: search.status } : {}), ...(q ? { q } : {}) }
  },
  component: lazyRouteComponent(() => import('./routes/JobsPage'), 'JobsPage'),
})

export const newJobRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: '/jobs/new',
  validateSearch: (search): { from?: string; dataset?: string } => {
    const from = text(search.from)
    const dataset = text(search.dataset)
    return { ...(from ? { from } : {}), ...(dataset ? { dataset } : {}) }
  },
  component: lazyRouteComponent(() => import('./routes/NewJobPage'), 'NewJobPage'),
})

export const jobRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: '/jobs/$jobId',
  component: lazyRouteComponent(() => import('./routes/JobPage'), 'JobPage'),
})

export const datasetsRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: '/datasets',
  component: lazyRouteComponent(() => import('./routes/DatasetsPage'), 'DatasetsPage'),
})

export const datasetRoute = createRoute({
  getParentRoute: () => frameRoute,
  path: '/datasets/$datasetId',
  component: lazyRouteComponent(() => import('./routes/DatasetPage'), 'DatasetPage'),
})

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    loginRoute,
    frameRoute.addChildren([
      indexRoute,
      jobsRoute,
      newJobRoute,
      jobRoute,
      datasetsRoute,
      datasetRoute,
    ]),
  ]),
  defaultPreload: 'intent',
  defaultErrorComponent: PageError,
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

/** To the login page, remembering where the user was; once, however many answers were 401. */
export function goToLogin(): void {
  const { pathname, href } = router.state.location
  if (pathname === '/login') return
  void router.navigate({ to: '/login', search: pathname === '/' ? {} : { next: href } })
}
