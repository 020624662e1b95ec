import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data } from './client'
import { keys, type ModelFilter } from './keys'
import { POLL, paced } from './polling'
import type { Environment, Promotion, Rollback, TrafficChange } from './types'

const firstPage = null as string | null

/** Models, page by page. */
export function useModels(filter: ModelFilter = {}, limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.modelList(filter, limit),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/models', { params: { query: { ...filter, limit, after: pageParam ?? undefined } }, signal })),
    initialPageParam: firstPage,
    getNextPageParam: (last) => last.next,
    refetchInterval: paced(POLL.steady),
    placeholderData: keepPreviousData,
  })
}

export function useModel(name: string) {
  return useQuery({
    queryKey: keys.model(name),
    queryFn: ({ signal }) => data(api.GET('/api/models/{name}', { params: { path: { name } }, signal })),
    refetchInterval: POLL.steady,
  })
}

export function useVersions(name: string, limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.versions(name),
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { name }, query: { limit, after: pageParam ?? undefined } }
      return data(api.GET('/api/models/{name}/versions', { params, signal }))
    },
    initialPageParam: firstPage,
    getNextPageParam: (last) => last.next,
    refetchInterval: POLL.steady,
  })
}

export function useVersion(name: string | null, version: number | null) {
  return useQuery({
    queryKey: keys.version(name ?? '', version ?? 0),
    queryFn: ({ signal }) => {
      const params = { path: { name: name ?? '', version: version ?? 0 } }
      return data(api.GET('/api/models/{name}/versions/{version}', { params, signal }))
    },
    enabled: name !== null && version !== null,
  })
}

/** Where and when versions were in service, newest first. */
export function useDeployments(name: string, limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.history(name),
    queryFn: ({ pageParam, signal }) => {
      const params = { path: { name }, query: { limit, after: pageParam ?? undefined } }
      return data(api.GET('/api/models/{name}/history', { params, signal }))
    },
    initialPageParam: firstPage,
    getNextPageParam: (last) => last.next,
    refetchInterval: POLL.steady,
  })
}

/** Counters since the model-servers started; rates come from the differences between two answers. */
export function useTraffic(name: string) {
  return useQuery({
    queryKey: keys.traffic(name),
    queryFn: ({ signal }) => data(api.GET('/api/models/{name}/traffic', { params: { path: { name } }, signal })),
    refetchInterval: POLL.steady,
  })
}

/** Tries a version beside the deployed one, or changes how much of the requests it has. */
export function useChangeTraffic(name: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: TrafficChange) => data(api.PUT('/api/models/{name}/traffic', { params: { path: { name } }, body })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

/** Makes the version that is tried the deployed one, or takes it back. */
export function useEndTrial(name: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ end, ...body }: { end: 'promote' | 'withdraw'; environment: Environment; confirm?: string }) =>
      end === 'promote'
        ? data(api.POST('/api/models/{name}/traffic/promote', { params: { path: { name } }, body }))
        : data(api.POST('/api/models/{name}/traffic/withdraw', { params: { path: { name } }, body: { environment: body.environment } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

export function usePromote(name: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: Promotion) => data(api.POST('/api/models/{name}/promote', { params: { path: { name } }, body })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

/** The promotions that wait for a second person: of one model, or of all. */
export function useApprovals(model?: string) {
  return useQuery({
    queryKey: keys.approvals(model),
    queryFn: ({ signal }) => data(api.GET('/api/approvals', { params: { query: { state: 'waiting', ...(model === undefined ? {} : { model }) } }, signal })),
    refetchInterval: POLL.steady,
  })
}

export function useApprove() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, confirm }: { id: string; confirm: string }) => data(api.POST('/api/approvals/{id}/approve', { params: { path: { id } }, body: { confirm } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

export function useRefuse() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...body }: { id: string; reason?: string }) => data(api.POST('/api/approvals/{id}/refuse', { params: { path: { id } }, body })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

export function useWithdraw() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => data(api.DELETE('/api/approvals/{id}', { params: { path: { id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

export function useRollback(name: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: Rollback) => data(api.POST('/api/models/{name}/rollback', { params: { path: { name } }, body })),
    onSettled: () => client.invalidateQueries({ queryKey: keys.models() }),
  })
}

export interface PredictionRequest {
  body: unknown
  version?: number | undefined
  env?: Environment | undefined
}

export function usePredict(name: string) {
  return useMutation({
    mutationFn: ({ body, version, env }: PredictionRequest) => {
      const params = { path: { name }, query: { version, env } }
      return data(api.POST('/api/models/{name}/predict', { params, body: body as Record<string, never> }))
    },
  })
}
