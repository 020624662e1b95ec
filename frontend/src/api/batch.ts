import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data } from './client'
import { type BatchFilter, keys } from './keys'
import { POLL, paced } from './polling'
import { type BatchPrediction, type BatchPreview, isUnfinished, type NewBatchPrediction } from './types'

/** Batch predictions, newest first, page by page; asked for often while one of those that are loaded goes on. */
export function useBatches(filter: BatchFilter = {}, limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.batchList(filter, limit),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/batch-predictions', { params: { query: { ...filter, limit, after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: (query) => {
      const under = query.state.data?.pages.some((page) => page.items.some((one) => isUnfinished(one.status)))
      return paced(under ? POLL.quick : POLL.slow)(query)
    },
    placeholderData: keepPreviousData,
  })
}

export function useBatch(id: string) {
  return useQuery({
    queryKey: keys.batch(id),
    queryFn: ({ signal }) => data(api.GET('/api/batch-predictions/{id}', { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => (!state.data || isUnfinished(state.data.status) ? POLL.quick : POLL.still),
  })
}

/** What a batch prediction would do; starts nothing. */
export function useCheckBatch() {
  return useMutation({
    mutationFn: async (body: NewBatchPrediction) => (await data(api.POST('/api/batch-predictions', { body: { ...body, dry_run: true } }))) as BatchPreview,
  })
}

function useBatchMutation<Argument>(run: (argument: Argument) => Promise<BatchPrediction>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: run,
    // The answer is the present state: its page shows it before it has asked again.
    onSuccess: (batch) => client.setQueryData(keys.batch(batch.id), batch),
    onSettled: () => client.invalidateQueries({ queryKey: keys.batches() }),
  })
}

export function useStartBatch() {
  return useBatchMutation(async (body: NewBatchPrediction) => (await data(api.POST('/api/batch-predictions', { body }))) as BatchPrediction)
}

export function useCancelBatch() {
  return useBatchMutation((id: string) => data(api.POST('/api/batch-predictions/{id}/cancel', { params: { path: { id } } })))
}

/** Goes on with one that failed or was cancelled. */
export function useResumeBatch() {
  return useBatchMutation((id: string) => data(api.POST('/api/batch-predictions/{id}/resume', { params: { path: { id } } })))
}

/** A name of its own for what is about to be asked for: asked for again after a lost answer, it is still one job. */
export function newJob(): string {
  const digits = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0'))
  return `dashboard-${digits.join('')}`
}
