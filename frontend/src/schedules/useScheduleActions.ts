import { asProblem } from '../api/problem'
import { useChangeSchedule, useRunSchedule } from '../api/schedules'
import type { Schedule } from '../api/types'
import { toast } from '../ui/toasts'

/** What one click does with a schedule, and says. */
export function useScheduleActions({ id, name, paused, waiting }: Schedule) {
  const run = useRunSchedule()
  const change = useChangeSchedule()
  const onError = (error: unknown) => toast(asProblem(error).detail, 'danger')
  return {
    // It never ends what runs, nor runs beside it.
    run: () => run.mutate(id, { onError, onSuccess: () => toast(waiting > 0 ? `${name} runs when what it began before has ended.` : `${name} runs now.`, 'success') }),
    running: run.isPending,
    pause: () => change.mutate({ id, change: { paused: !paused } }, { onError, onSuccess: () => toast(paused ? `${name} goes on.` : `${name} is paused.`) }),
    pausing: change.isPending,
  }
}
