import { useQuery } from '@tanstack/react-query'
import { api, data } from './client'
import { keys } from './keys'
import { POLL } from './polling'
import { problemOf, unreachable } from './problem'
import { transport } from './transport'
import type { Readiness } from './types'

/** How much there is of everything, and what needs a person: counted by the backend. */
export function useOverview() {
  return useQuery({
    queryKey: keys.overview(),
    queryFn: ({ signal }) => data(api.GET('/api/overview', { signal })),
    refetchInterval: POLL.quick,
  })
}

export function useStatistics(days = 14) {
  return useQuery({
    queryKey: keys.statistics(days),
    queryFn: ({ signal }) => data(api.GET('/api/statistics', { params: { query: { days } }, signal })),
    refetchInterval: POLL.slow,
  })
}

export function useSettings() {
  return useQuery({
    queryKey: keys.settings(),
    queryFn: ({ signal }) => data(api.GET('/api/settings', { signal })),
    staleTime: POLL.still,
  })
}

/** What mlsys depends on. "unready" comes with status 503 and a body of its own: an answer, and no failure. */
async function readiness(signal: AbortSignal): Promise<Readiness> {
  let response: Response
  try {
    response = await transport().fetch(new Request(new URL('/ready', location.origin), { signal }))
  } catch {
    throw unreachable()
  }
  if (response.ok || response.status === 503) {
    const body = (await response
      .clone()
      .json()
      .catch(() => null)) as Readiness | null
    if (body?.dependencies) return body
  }
  throw await problemOf(response)
}

export function useReadiness() {
  return useQuery({
    queryKey: keys.readiness(),
    queryFn: ({ signal }) => readiness(signal),
    refetchInterval: POLL.slow,
  })
}
