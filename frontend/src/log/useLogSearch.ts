import { useEffect, useState } from 'react'
import type { LogRows } from './rows'
import { LogSearch } from './search'
import type { LogStore } from './store'

const DEBOUNCE_MS = 180

export interface SearchState {
  query: string
  setQuery: (query: string) => void
  /** What has been searched for: trails the field a little. */
  applied: string
  count: number
  done: boolean
  /** The place of the current match among all, from 0; -1 without one. */
  place: number
  /** The row of the current match; -1 without one. */
  row: number
  go: (step: 1 | -1, from: number) => number
}

/** Search in the rows of a log, continued while it grows. */
export function useLogSearch(store: LogStore, rows: LogRows, version: number): SearchState {
  const [query, setQuery] = useState('')
  const [search, setSearch] = useState<LogSearch | null>(null)
  const [, setProgress] = useState(0)
  const [place, setPlace] = useState(-1)

  useEffect(() => {
    setPlace(-1)
    if (query === '') return setSearch(null)
    let made: LogSearch | null = null
    const timer = setTimeout(() => {
      made = new LogSearch(store, rows, query, () => setProgress((count) => count + 1))
      setSearch(made)
    }, DEBOUNCE_MS)
    return () => {
      clearTimeout(timer)
      made?.stop()
    }
  }, [query, store, rows])

  useEffect(() => search?.update(), [search, version])

  return {
    query,
    setQuery,
    applied: search?.query ?? '',
    count: search?.matches.length ?? 0,
    done: search?.done ?? true,
    place,
    row: search?.matches[place] ?? -1,
    go(step, from) {
      const next = search?.next(search.matches[place] ?? (step === 1 ? from - 1 : from), step) ?? -1
      setPlace(next)
      return search?.matches[next] ?? -1
    },
  }
}
