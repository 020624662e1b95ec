import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, data } from './client'
import { keys, type RepoFilter } from './keys'
import { POLL, paced } from './polling'
import type { AllowedData, NewRepo, Repo, RepoChange } from './types'

/** Repositories by name, page by page. */
export function useRepos(filter: RepoFilter = {}, limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.repoList(filter, limit),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/repos', { params: { query: { ...filter, limit, after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: paced(POLL.slow),
    placeholderData: keepPreviousData,
  })
}

export function useRepo(id: number) {
  return useQuery({
    queryKey: keys.repo(id),
    queryFn: ({ signal }) => data(api.GET('/api/repos/{id}', { params: { path: { id } }, signal })),
  })
}

function useRepoMutation<Argument, Result>(run: (argument: Argument) => Promise<Result>) {
  const client = useQueryClient()
  return useMutation({ mutationFn: run, onSettled: () => Promise.all([keys.repos(), keys.overview()].map((queryKey) => client.invalidateQueries({ queryKey }))) })
}

/** Looks what registering would find; changes nothing. */
export function useRepoCheck(repo: NewRepo | null) {
  return useQuery({
    queryKey: keys.repoCheck(repo),
    queryFn: ({ signal }) => data(api.POST('/api/repos/check', { body: repo ?? { full_name: '' }, signal })),
    enabled: repo !== null,
    // What the last one found stays until the next answer, so that nothing jumps while one types.
    placeholderData: (previous) => (previous?.full_name === repo?.full_name ? previous : undefined),
    staleTime: 10_000,
  })
}

/** Secrets that were shown a moment ago, by repository: in this page's memory alone, and gone when it is loaded anew. */
const newSecrets = new Map<number, string>()

/** What a repository's webhook must be given, if that was made in this page. */
export function newSecret(id: number) {
  return newSecrets.get(id)
}

async function remember(answer: Promise<Repo>) {
  const repo = await answer
  if (repo.webhook_secret) newSecrets.set(repo.id, repo.webhook_secret)
  else newSecrets.delete(repo.id)
  return repo
}

export function useAddRepo() {
  return useRepoMutation((body: NewRepo) => remember(data(api.POST('/api/repos', { body }))))
}

/** A new secret for the webhook; the one before holds for a day. */
export function useRenewSecret() {
  return useRepoMutation((id: number) => remember(data(api.POST('/api/repos/{id}/webhook-secret', { params: { path: { id } } }))))
}

export function useChangeRepo() {
  return useRepoMutation(({ id, change }: { id: number; change: RepoChange }) => data(api.PATCH('/api/repos/{id}', { params: { path: { id } }, body: change })))
}

export function useRemoveRepo() {
  return useRepoMutation((id: number) => data(api.DELETE('/api/repos/{id}', { params: { path: { id } } })))
}

/** Looks for the webhook again, and creates it if the token may. */
export function useInstallWebhook() {
  return useRepoMutation((id: number) => data(api.POST('/api/repos/{id}/webhook', { params: { path: { id } } })))
}

/** The names of a repository's secrets. Who may not know them is not asked again and again. */
export function useSecrets(id: number) {
  return useQuery({
    queryKey: keys.secrets(id),
    queryFn: ({ signal }) => data(api.GET('/api/repos/{id}/secrets', { params: { path: { id } }, signal })),
  })
}

export function useSetSecret() {
  return useRepoMutation(({ id, name, value }: { id: number; name: string; value: string }) => data(api.PUT('/api/repos/{id}/secrets/{name}', { params: { path: { id, name } }, body: { value } })))
}

export function useRemoveSecret() {
  return useRepoMutation(({ id, name }: { id: number; name: string }) => data(api.DELETE('/api/repos/{id}/secrets/{name}', { params: { path: { id, name } } })))
}

/** What a repository's notebooks may reach of tables and files. Who may not know is not asked again and again. */
export function useAllowedData(id: number) {
  return useQuery({
    queryKey: keys.data(id),
    queryFn: ({ signal }) => data(api.GET('/api/repos/{id}/data', { params: { path: { id } }, signal })),
  })
}

export function useAllowData() {
  return useRepoMutation(({ id, place, access }: { id: number } & Pick<AllowedData, 'place' | 'access'>) =>
    data(api.PUT('/api/repos/{id}/data/{place}', { params: { path: { id, place } }, body: { access } })),
  )
}

export function useForbidData() {
  return useRepoMutation(({ id, place }: { id: number; place: string }) => data(api.DELETE('/api/repos/{id}/data/{place}', { params: { path: { id, place } } })))
}
