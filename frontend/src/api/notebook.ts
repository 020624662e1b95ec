import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import type { Cell, Notebook } from '../notebook/model'
import { api, data } from './client'
import { keys } from './keys'
import { POLL } from './polling'
import { ApiProblem } from './problem'

interface Fetched {
  etag: string | null
  notebook: Notebook
}

/**
 * The executed notebook, what its cells printed at length cut; `null` before there is one. Unchanged notebooks are neither sent again nor drawn again, and a
 * notebook that takes long to load is asked for less often.
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

/** A whole cell is let go of this long after nothing shows it any more, in milliseconds: there may be many, and large. */
const CELL_KEPT = 5_000

/** A cell with all that it printed. `size` is what the notebook says of it: with another size it is asked for again. */
export function useCell(id: string, index: number, size: number | null) {
  return useQuery({
    queryKey: keys.cell(id, index, size),
    queryFn: async ({ signal }) =>
      (await data(api.GET('/api/pipelines/{id}/notebook/cells/{index}', { params: { path: { id, index } }, signal }))) as unknown as Cell,
    enabled: size !== null,
    placeholderData: keepPreviousData,
    gcTime: CELL_KEPT,
  })
}
