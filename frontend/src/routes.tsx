import type { RouteObject } from 'react-router'
import { RouteError } from './ui/RouteError'
import { Shell } from './ui/Shell'

/** Every page is a chunk of its own, loaded when it is first opened. Each module exports `Component`. */
export const routes: RouteObject[] = [
  { path: 'sign-in', errorElement: <RouteError />, hydrateFallbackElement: <div />, lazy: () => import('./pages/sign-in') },
  {
    element: <Shell />,
    errorElement: <RouteError />,
    hydrateFallbackElement: <div />,
    children: [
      {
        errorElement: <RouteError />,
        children: [
          { index: true, lazy: () => import('./pages/dashboard') },
          { path: 'pipelines', lazy: () => import('./pages/pipelines') },
          { path: 'pipelines/:id', lazy: () => import('./pages/pipeline') },
          { path: 'models', lazy: () => import('./pages/models') },
          { path: 'models/:name', lazy: () => import('./pages/model') },
          { path: 'tables', lazy: () => import('./pages/tables') },
          { path: 'tables/:name', lazy: () => import('./pages/table') },
          { path: 'batch-predictions', lazy: () => import('./pages/batch-predictions') },
          { path: 'batch-predictions/:id', lazy: () => import('./pages/batch-prediction') },
          { path: 'schedules', lazy: () => import('./pages/schedules') },
          { path: 'schedules/:id', lazy: () => import('./pages/schedule') },
          { path: 'registry', lazy: () => import('./pages/registry') },
          { path: 'repositories', lazy: () => import('./pages/repositories') },
          { path: 'repositories/:id', lazy: () => import('./pages/repositories/one') },
          { path: 'keys', lazy: () => import('./pages/keys') },
          { path: 'people', lazy: () => import('./pages/people') },
          { path: 'audit', lazy: () => import('./pages/audit') },
          { path: 'settings', lazy: () => import('./pages/settings') },
          { path: '*', lazy: () => import('./pages/missing') },
        ],
      },
    ],
  },
]
