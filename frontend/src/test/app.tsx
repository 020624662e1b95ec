import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
// Not from react-router/dom: under Node that has a copy of the library of its own.
import { createMemoryRouter, RouterProvider } from 'react-router'
import { routes } from '../routes'

/** The whole dashboard at an address. The caller has installed the mock. */
export function renderAt(path: string) {
  const router = createMemoryRouter(routes, { initialEntries: [path] })
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  render(
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  )
  return router
}
