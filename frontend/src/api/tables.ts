import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { api, data } from './client'
import { keys } from './keys'
import { POLL, paced } from './polling'

/** Tables by name, page by page. */
export function useTables(limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.tableList(limit),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/tables', { params: { query: { limit, after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    // Each table's log is read for it, which may lie in a bucket.
    refetchInterval: paced(POLL.still),
  })
}

/** A table as it is now, or as it was at a version, which never changes again. Null: none is asked for. */
export function useTable(name: string | null, version: number | null = null) {
  return useQuery({
    queryKey: keys.table(name ?? '', version),
    queryFn: ({ signal }) => data(api.GET('/api/tables/{table}', { params: { path: { table: name ?? '' }, query: { version: version ?? undefined } }, signal })),
    enabled: name !== null,
    ...(version === null ? { refetchInterval: POLL.slow } : { staleTime: Infinity }),
  })
}

/** The first rows of a version of a table. */
export function useTableSample(name: string, version: number, rows = 20) {
  return useQuery({
    queryKey: keys.tableSample(name, version, rows),
    queryFn: ({ signal }) => data(api.GET('/api/tables/{table}/sample', { params: { path: { table: name }, query: { rows, version } }, signal })),
    staleTime: Infinity,
  })
}
