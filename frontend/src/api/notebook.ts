import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { api, data } from './client'
import { keys } from './keys'
import type { Notebook, Output } from './nbformat'
import { POLL } from './polling'
import { ApiProblem } from './problem'

interface Fetched {
  etag: string | null
  notebook: Notebook
}

/**
 * The executed notebook, what its cells printed at length cut; `null` before there is one. Unchanged notebooks are neither
 * sent again nor drawn again, and a notebook that takes long to load is asked for less often.
 */
export function useNotebook(id: string, live: boolean) {
  const last = useRef<Fetched & { id: string }>(null)
  const took = useRef(0)
  return useQuery({
    queryKey: keys.notebook(id),
    queryFn: async ({ signal }): Promise<Notebook | null> => {
      const known = last.current?.id === id ? last.current : null
      const started = performance.now()
      try {
        const { data, response } = await api.GET('/api/pipelines/{id}/notebook', {
          params: { path: { id }, query: { abridged: true } },
          headers: known?.etag ? { 'If-None-Match': known.etag } : {},
          signal,
        })
        if (response.status === 304 && known) return known.notebook
        const notebook = data as unknown as Notebook
        last.current = { id, etag: response.headers.get('etag'), notebook }
        return notebook
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 404) return null
        throw error
      } finally {
        took.current = performance.now() - started
      }
    },
    refetchInterval: live ? () => Math.max(POLL.pipeline, took.current * 5) : false,
  })
}

/** What a cell printed, all of it. `size` is what the notebook says of the cell: with another size it is asked for again. */
export function useWholeOutputs(id: string, cellId: string, size: number, wanted: boolean) {
  const query = useQuery({
    queryKey: keys.cell(id, cellId),
    queryFn: async ({ signal }) => {
      const cell = await data(api.GET('/api/pipelines/{id}/notebook/cells/{cell_id}', { params: { path: { id, cell_id: cellId } }, signal }))
      return { size, outputs: cell.outputs as Output[] }
    },
    enabled: wanted,
    staleTime: Infinity,
  })
  const { data: known, isFetching, isError, refetch } = query
  const stale = wanted && known !== undefined && known.size !== size && !isFetching && !isError
  useEffect(() => {
    if (stale) void refetch()
  }, [stale, refetch])
  return query
}
