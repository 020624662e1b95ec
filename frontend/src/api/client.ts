import createClient, { type Middleware } from 'openapi-fetch'
import { problemOf, SIGNED_OUT, unreachable } from './problem'
import type { paths } from './schema'
import { transport } from './transport'

const failures: Middleware = {
  async onResponse({ request, response }) {
    // Signing in itself says in its place what is wrong.
    if (response.status === 401 && !(request.method === 'POST' && new URL(request.url).pathname === '/api/sessions')) window.dispatchEvent(new Event(SIGNED_OUT))
    // 304 answers a conditional request: nothing has changed, and nothing is wrong.
    if (!response.ok && response.status !== 304) throw await problemOf(response)
    return undefined
  },
  onError({ error }) {
    return error instanceof DOMException && error.name === 'AbortError' ? error : unreachable()
  },
}

export const api = createClient<paths, 'application/json'>({
  baseUrl: location.origin,
  fetch: (request) => transport().fetch(request),
})
api.use(failures)

/** The body of a response; failures have been thrown as `ApiProblem` before. */
export async function data<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T
}
