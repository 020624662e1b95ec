import { QueryClient } from '@tanstack/react-query'
import { ApiProblem } from './problem'

/** How often what is looked at is asked for again, in milliseconds. Hidden tabs do not ask. */
export const POLL = { pipeline: 1_000, quick: 2_000, steady: 5_000, slow: 15_000, still: 60_000 } as const

/** Every loaded page is asked for again, so that a list of many pages waits longer. */
export function paced(interval: number) {
  return ({ state }: { state: { data?: { pages: readonly unknown[] } | undefined } }) => interval * Math.max(1, state.data?.pages.length ?? 0)
}

/** The items of all loaded pages, and how many there are in truth. */
export function listed<T>(loaded: { pages: readonly { items: T[]; total: number }[] } | undefined): { items: T[]; total: number } {
  return { items: loaded?.pages.flatMap((page) => page.items) ?? [], total: loaded?.pages.at(-1)?.total ?? 0 }
}

/** A second try helps against a lost connection or a restart, and not against a refusal. */
export function worthRetrying(failures: number, error: unknown): boolean {
  if (failures >= 2) return false
  return !(error instanceof ApiProblem) || error.status === 0 || error.status === 502 || error.status === 503
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry: worthRetrying, staleTime: 1_000, refetchOnWindowFocus: true },
      mutations: { retry: false },
    },
  })
}
