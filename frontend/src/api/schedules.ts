import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { api, data } from './client'
import { keys, type ScheduleFilter } from './keys'
import { POLL, paced } from './polling'
import type { BackFill, Me, NewSchedule, Schedule, SchedulePatch } from './types'

/** Whether somebody may make, change and run schedules. */
export function maySchedule(me: Me | undefined): boolean {
  return me?.may.includes('schedules') ?? false
}

/** Schedules by name, page by page; asked for often while a firing of those that are loaded goes on. */
export function useSchedules(filter: ScheduleFilter = {}, limit = 50) {
  return useInfiniteQuery({
    queryKey: keys.scheduleList(filter, limit),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/schedules', { params: { query: { ...filter, limit, after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    refetchInterval: (query) => {
      const under = query.state.data?.pages.some((page) => page.items.some((one) => one.waiting > 0))
      return paced(under ? POLL.quick : POLL.slow)(query)
    },
    placeholderData: keepPreviousData,
  })
}

export function useSchedule(id: string) {
  return useQuery({
    queryKey: keys.schedule(id),
    queryFn: ({ signal }) => data(api.GET('/api/schedules/{id}', { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => (!state.data || state.data.waiting > 0 ? POLL.quick : POLL.slow),
  })
}

/** A schedule's firings, the newest moments first, page by page; asked for often while some are under way, and at once when the schedule tells of a change. */
export function useFirings(schedule: Schedule, limit = 200) {
  const { id, last_firing: last, waiting } = schedule
  const query = useInfiniteQuery({
    queryKey: keys.firings(id, limit),
    queryFn: ({ pageParam, signal }) => data(api.GET('/api/schedules/{id}/firings', { params: { path: { id }, query: { limit, after: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (before) => before.next,
    // The schedule tells of no firing for the past that begins: another one is its last.
    refetchInterval: paced(waiting > 0 ? POLL.quick : POLL.slow),
  })
  const state = `${last?.id} ${last?.status} ${waiting}`
  const known = useRef(state)
  const { refetch } = query
  useEffect(() => {
    if (known.current !== state) void refetch()
    known.current = state
  }, [state, refetch])
  return query
}

/** When a pattern would fire, and what it says in English; null: none is asked for. */
export function useNextFirings(pattern: { cron: string; time_zone: string } | null, count = 10) {
  const { cron, time_zone } = pattern ?? { cron: '', time_zone: '' }
  return useQuery({
    queryKey: keys.nextFirings(cron, time_zone, count),
    // With the zone, because an answer is shown for a moment after another one was chosen.
    queryFn: async ({ signal }) => ({ time_zone, ...(await data(api.GET('/api/schedules/next', { params: { query: { cron, time_zone, count } }, signal }))) }),
    enabled: pattern !== null,
    // What the pattern before had stays until the answer, so that nothing jumps while one types.
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  })
}

function useScheduleMutation<Argument, Result>(run: (argument: Argument) => Promise<Result>) {
  const queries = useQueryClient()
  return useMutation({ mutationFn: run, onSettled: () => queries.invalidateQueries({ queryKey: keys.schedules() }) })
}

export function useCreateSchedule() {
  return useScheduleMutation((body: NewSchedule) => data(api.POST('/api/schedules', { body })))
}

export function useChangeSchedule() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ id, change }: { id: string; change: SchedulePatch }) => data(api.PATCH('/api/schedules/{id}', { params: { path: { id } }, body: change })),
    // The answer is the present state: its page shows it before it has asked again.
    onSuccess: (schedule) => queries.setQueryData(keys.schedule(schedule.id), schedule),
    onSettled: () => queries.invalidateQueries({ queryKey: keys.schedules() }),
  })
}

export function useRemoveSchedule() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => data(api.DELETE('/api/schedules/{id}', { params: { path: { id } } })),
    // Only the lists: its own page would ask for what is gone.
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.scheduleLists() }),
  })
}

export function useRunSchedule() {
  return useScheduleMutation((id: string) => data(api.POST('/api/schedules/{id}/run', { params: { path: { id } } })))
}

/** How many firings a back-fill would make; makes none. */
export function useCheckBackfill(id: string) {
  return useMutation({ mutationFn: (body: BackFill) => data(api.POST('/api/schedules/{id}/backfill', { params: { path: { id } }, body: { ...body, dry_run: true } })) })
}

export function useBackfill(id: string) {
  return useScheduleMutation((body: BackFill) => data(api.POST('/api/schedules/{id}/backfill', { params: { path: { id } }, body })))
}

/** Ends what waits and what runs. */
export function useCancelFirings() {
  return useScheduleMutation((id: string) => data(api.POST('/api/schedules/{id}/cancel', { params: { path: { id } } })))
}
