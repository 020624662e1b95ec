import { type FormEvent, type RefObject, useState } from 'react'
import { newJob, useCheckBatch, useStartBatch } from '../api/batch'
import { asProblem } from '../api/problem'
import type { BatchPrediction, BatchPreview, NewBatchPrediction } from '../api/types'
import { bodyOf, type Draft, draftOf, environmentOf, fieldOf, type Problems, problemsOf } from './form'
import { useDeployed } from './useDeployed'
import { useInput } from './useInput'

/** What was checked, which is what is started. */
export interface Checked {
  body: NewBatchPrediction
  preview: BatchPreview
}

/** The first field that is marked as wrong, when the marks have been drawn. */
export function focusMistake(form: HTMLFormElement | null): void {
  setTimeout(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus())
}

/** A batch prediction that is typed, checked and started: any change makes another one of it, which has to be checked again. */
export function useBatchForm(input: string, form: RefObject<HTMLFormElement | null>, onStarted: (batch: BatchPrediction) => void) {
  const [draft, setDraft] = useState(() => draftOf(input))
  // Mistakes show once one has asked, not while the first name is being typed.
  const [asked, setAsked] = useState(false)
  const [sent, setSent] = useState<NewBatchPrediction | null>(null)
  const [checked, setChecked] = useState<Checked | null>(null)
  const check = useCheckBatch()
  const start = useStartBatch()
  const { names, deployed } = useDeployed(draft.model)
  const { table, error: unreadable, looking } = useInput(draft.input)

  const error = start.error ?? check.error
  const refused = error && sent ? fieldOf(asProblem(error), sent) : null
  const mistakes = problemsOf(draft)
  const problems: Problems = {
    ...(unreadable ? { input: asProblem(unreadable).detail } : {}),
    ...(refused && error ? { [refused]: asProblem(error).detail } : {}),
    ...(asked ? mistakes : {}),
  }

  const change = (part: Partial<Draft>) => {
    setDraft((old) => ({ ...old, ...part }))
    setChecked(null)
    check.reset()
    start.reset()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setAsked(true)
    if (check.isPending || start.isPending) return
    if (Object.keys(mistakes).length > 0) return focusMistake(form.current)
    const body = bodyOf(draft, environmentOf(draft, deployed))
    setSent(body)
    setChecked(null)
    start.reset()
    check.mutate(body, { onSuccess: (preview) => setChecked({ body: { ...body, job: newJob() }, preview }) })
  }
  const begin = () => checked && start.mutate(checked.body, { onSuccess: onStarted })

  return { draft, change, problems, names, deployed, table, looking, error, refused, checked, submit, begin, checking: check.isPending, starting: start.isPending, failedToStart: start.isError }
}
