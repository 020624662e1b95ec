import { useEffect, useMemo } from 'react'
import type { Firing, useFirings } from '../../api'
import { dayIn } from '../../schedules/zone'
import type { Day } from './days'

/** How many pages are loaded unasked: a schedule may have fired every minute for years. */
const PAGES = 5

interface Loaded {
  firings: Firing[]
  /** Down to which moment those are all; null: there are no others. */
  loadedDownTo: string | null
  /** Whether some of the month's are missing, and are not loaded unasked. */
  short: boolean
}

/** The firings that are loaded; loads on until a month is among them. */
export function useLoaded(query: ReturnType<typeof useFirings>, looked: Day, zone: string): Loaded {
  const { data, hasNextPage, isFetching, isError, fetchNextPage } = query
  const firings = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data])
  const loadedDownTo = hasNextPage ? (firings.at(-1)?.scheduled_for ?? null) : null
  const short = loadedDownTo !== null && dayIn(Date.parse(loadedDownTo), zone) >= `${looked.slice(0, 7)}-01`
  const pages = data?.pages.length ?? 0
  const unasked = pages < PAGES
  const wanted = short && unasked && !isFetching && !isError
  useEffect(() => {
    if (wanted) void fetchNextPage()
    // A page that comes at once changes nothing but how many there are.
  }, [wanted, pages, fetchNextPage])
  return { firings, loadedDownTo, short: short && !unasked }
}
