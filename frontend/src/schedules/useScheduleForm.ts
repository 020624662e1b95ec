import { type FormEvent, type RefObject, useMemo, useState } from 'react'
import { asProblem } from '../api/problem'
import { useChangeSchedule, useCreateSchedule, useNextFirings } from '../api/schedules'
import type { Schedule, Work } from '../api/types'
import { type Draft, environmentOf } from '../batch/form'
import { focusMistake } from '../batch/useBatchForm'
import { useDeployed } from '../batch/useDeployed'
import { useInput } from '../batch/useInput'
import { useSettled } from '../ui/useSettled'
import { draftOfSchedule, fieldOf, nameOf, newDraft, newSchedule, patchOf, policyProblems, problemsOf, type ScheduleDraft, type ScheduleProblems, workOf } from './form'
import { ownZone } from './zone'

/** When the pattern that is typed would fire, once it stands still; the API says what is wrong with it. */
function usePattern({ cron, zone }: ScheduleDraft) {
  const typed = cron.trim()
  const wanted = useMemo(() => (typed === '' ? null : { cron: typed, time_zone: zone }), [typed, zone])
  const settled = useSettled(wanted)
  const query = useNextFirings(settled)
  const current = wanted !== null && wanted === settled
  return { next: wanted && query.data, error: current ? query.error : null, looking: wanted !== null && (!current || query.isFetching) }
}

/** What is wrong with the pattern, at its field or at the zone's. */
function patternProblems(error: Error | null): ScheduleProblems {
  if (!error) return {}
  const problem = asProblem(error)
  const field = fieldOf(problem, { kind: 'retention' })
  return field === 'cron' || field === 'zone' ? { [field]: problem.detail } : {}
}

/** A schedule that is typed: a new one, or a change of one that there is. */
export function useScheduleForm(present: Schedule | null, given: Partial<ScheduleDraft> | undefined, form: RefObject<HTMLFormElement | null>, onSaved: (schedule: Schedule) => void) {
  // As it was when the form was opened: what others change meanwhile is not undone.
  const [schedule] = useState(present)
  const [draft, setDraft] = useState(() => (schedule ? draftOfSchedule(schedule) : { ...newDraft(ownZone()), ...given }))
  // Mistakes show once one has asked, not while the first name is being typed.
  const [asked, setAsked] = useState(false)
  const [sent, setSent] = useState<Work | null>(null)
  const create = useCreateSchedule()
  const save = useChangeSchedule()
  const { names, deployed } = useDeployed(draft.batch.model)
  const { table, error: unreadable, looking } = useInput(draft.batch.input)
  const pattern = usePattern(draft)
  const environment = environmentOf(draft.batch, deployed)

  const error = create.error ?? save.error
  const refused = error && sent ? fieldOf(asProblem(error), sent) : null
  const mistakes = problemsOf(draft, environment)
  // These show at once: what is chosen is whole, and not half typed.
  const standing = { ...patternProblems(pattern.error), ...policyProblems(draft) }
  const problems: ScheduleProblems = {
    ...(unreadable && draft.kind === 'batch_prediction' ? { input: asProblem(unreadable).detail } : {}),
    ...standing,
    ...(refused && error ? { [refused]: asProblem(error).detail } : {}),
    ...(asked ? mistakes : {}),
  }

  const change = (part: Partial<ScheduleDraft>) => {
    setDraft((old) => ({ ...old, ...part }))
    create.reset()
    save.reset()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setAsked(true)
    if (create.isPending || save.isPending) return
    if (Object.keys({ ...mistakes, ...standing }).length > 0) return focusMistake(form.current)
    setSent(workOf(draft, environment, schedule?.work))
    if (!schedule) return create.mutate(newSchedule(draft, environment), { onSuccess: onSaved })
    const patch = patchOf(schedule, draft, environment)
    if (Object.keys(patch).length === 0) return onSaved(schedule)
    save.mutate({ id: schedule.id, change: patch }, { onSuccess: onSaved })
  }

  return {
    isNew: schedule === null,
    draft,
    change,
    changeBatch: (part: Partial<Draft>) => change({ batch: { ...draft.batch, ...part } }),
    name: nameOf(draft, environment),
    problems,
    names,
    deployed,
    table,
    looking,
    pattern,
    error,
    refused,
    submit,
    saving: create.isPending || save.isPending,
  }
}
