import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data } from './client'
import { keys, type PipelineFilter } from './keys'
import { POLL, paced } from './polling'
import { isActive, type NewPipeline, type PipelineRecord, type PipelineStatus } from './types'

/** Pipelines, newest first, page by page. `data.pages[].items`. */
export function usePipelines(filter: PipelineFilter = {}, limit = 50, enabled = true) {
  return useInfiniteQuery({
    queryKey: keys.pipelineList(filter, limit),
    queryFn: ({ pageParam, signal }) => {
      const status = filter.status as PipelineStatus | undefined
      const query = { ...filter, status, limit, after: pageParam ?? undefined }
      return data(api.GET('/api/pipelines', { params: { query }, signal }))
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: paced(POLL.quick),
    placeholderData: keepPreviousData,
    enabled,
  })
}

export function usePipeline(id: string) {
  return useQuery({
    queryKey: keys.pipeline(id),
    queryFn: ({ signal }) => data(api.GET('/api/pipelines/{id}', { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => (!state.data || isActive(state.data.status) ? POLL.pipeline : POLL.still),
  })
}

/** The `parameters` cell of a pipeline's notebook. */
export function useParameters(id: string, enabled = true) {
  return useQuery({
    queryKey: keys.parameters(id),
    queryFn: ({ signal }) => data(api.GET('/api/pipelines/{id}/parameters', { params: { path: { id } }, signal })),
    staleTime: Infinity,
    enabled,
  })
}

function usePipelineMutation<Argument>(run: (argument: Argument) => Promise<PipelineRecord>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: run,
    onSettled: () => Promise.all([keys.pipelines(), keys.overview()].map((queryKey) => client.invalidateQueries({ queryKey }))),
  })
}

export function useCancelPipeline() {
  return usePipelineMutation((id: string) => data(api.POST('/api/pipelines/{id}/cancel', { params: { path: { id } } })))
}

/** Goes on from the phase that failed. */
export function useRetryPipeline() {
  return usePipelineMutation((id: string) => data(api.POST('/api/pipelines/{id}/retry', { params: { path: { id } } })))
}

export function useCreatePipeline() {
  return usePipelineMutation((body: NewPipeline) => data(api.POST('/api/pipelines', { body })))
}
