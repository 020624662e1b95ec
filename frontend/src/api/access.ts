import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data } from './client'
import { type AuditFilter, keys } from './keys'
import { POLL } from './polling'
import type { Invite, MakeKey, Me, PersonChange, SignIn } from './types'

/** Who one is, and what one may. */
export function useMe(enabled = true) {
  return useQuery({
    enabled,
    queryKey: keys.me(),
    queryFn: ({ signal }) => data(api.GET('/api/me', { signal })),
    staleTime: POLL.still,
  })
}

/**
 * Whether somebody may start, cancel and resume batch predictions: operators of everything, of this model, or of a repository. Whether
 * that is the model's, the backend knows. Without a model: of any at all.
 */
export function mayScore(me: Me | undefined, model?: string): boolean {
  if (!me) return false
  const mine = me.grants.filter((grant) => grant.repo !== undefined || (grant.model !== undefined && (model === undefined || grant.model === model)))
  return me.may.includes('batch_predictions') || mine.some((grant) => grant.role === 'operator' || grant.role === 'admin')
}

/** How one signs in here. */
export function useSignInWays() {
  return useQuery({
    queryKey: keys.signInWays(),
    queryFn: ({ signal }) => data(api.GET('/api/sign-in', { signal })),
    staleTime: POLL.still,
  })
}

/** Signs this browser in: all that was loaded before was somebody else's. */
export function useSignIn() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: SignIn) => data(api.POST('/api/sessions', { body })),
    onSuccess: () => queries.clear(),
  })
}

export function useSignOut() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: () => data(api.DELETE('/api/sessions/current')),
    onSuccess: () => queries.clear(),
  })
}

/** Keys, newest first, page by page. */
export function useApiKeys() {
  return useInfiniteQuery({
    queryKey: keys.apiKeys(),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/keys', { params: { query: { after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  })
}

export function useMakeKey() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: MakeKey) => data(api.POST('/api/keys', { body })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: keys.apiKeys() }),
  })
}

export function useRevokeKey() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => data(api.DELETE('/api/keys/{id}', { params: { path: { id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.apiKeys() }),
  })
}

/** People by login, page by page. */
export function usePeople() {
  return useInfiniteQuery({
    queryKey: keys.people(),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/people', { params: { query: { after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  })
}

export function useInvite() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: Invite) => data(api.POST('/api/people', { body })),
    onSuccess: () => void queries.invalidateQueries({ queryKey: keys.people() }),
  })
}

export function useInviteAgain() {
  return useMutation({
    mutationFn: (id: string) => data(api.POST('/api/people/{id}/invitation', { params: { path: { id } } })),
  })
}

export function useChangePerson() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...body }: PersonChange & { id: string }) => data(api.PATCH('/api/people/{id}', { params: { path: { id } }, body })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.people() }),
  })
}

export function useRemovePerson() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => data(api.DELETE('/api/people/{id}', { params: { path: { id } } })),
    onSettled: () => void queries.invalidateQueries({ queryKey: keys.people() }),
  })
}

/** Who did what, newest first, page by page. */
export function useAudit(filter: AuditFilter) {
  return useInfiniteQuery({
    queryKey: keys.audit(filter),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/audit', { params: { query: { ...filter, after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  })
}

/** Where the same is a table for a spreadsheet. */
export function auditTable(filter: AuditFilter): string {
  const given = Object.entries(filter).filter((pair): pair is [string, string] => Boolean(pair[1]))
  return `/api/audit?${new URLSearchParams([...given, ['format', 'csv']])}`
}
