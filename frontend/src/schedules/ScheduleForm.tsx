import { useEffect, useRef } from 'react'
import { ENVIRONMENTS, MISFIRES, OVERLAPS, SCHEDULE_KINDS, type Schedule } from '../api/types'
import { ColumnChoice } from '../batch/ColumnChoice'
import { ModelFields } from '../batch/ModelFields'
import { RejectChoice } from '../batch/RejectChoice'
import { TableFields } from '../batch/TableFields'
import { TextField } from '../batch/TextField'
import { focusMistake } from '../batch/useBatchForm'
import { Button } from '../ui/Button'
import { ErrorState } from '../ui/States'
import { Choice } from './Choice'
import type { ScheduleDraft } from './form'
import { PatternFields } from './PatternFields'
import { RetrainingFields } from './RetrainingFields'
import { useScheduleForm } from './useScheduleForm'
import { KIND_WORDS, MISFIRE_WORDS, OVERLAP_WORDS, SCAN_WORDS } from './words'

type Form = ReturnType<typeof useScheduleForm>

function BatchFields({ draft: { batch }, problems, names, deployed, table, looking, changeBatch, isNew }: Form) {
  return (
    <>
      <ModelFields draft={batch} problems={problems} names={names} deployed={deployed} fixed={isNew ? undefined : 'A schedule stays with its model.'} onChange={changeBatch} />
      <TableFields draft={batch} problems={problems} table={table} looking={looking} onChange={changeBatch} />
      <ColumnChoice columns={table?.columns} chosen={batch.columns} problem={problems.columns} onChange={(columns) => changeBatch({ columns })} />
      <RejectChoice reject={batch.reject} onChange={(reject) => changeBatch({ reject })} />
    </>
  )
}

interface ScheduleFormProps {
  /** Null: a new one. */
  schedule: Schedule | null
  /** What a new one begins with. */
  given: Partial<ScheduleDraft> | undefined
  onSaved: (schedule: Schedule) => void
  onClose: () => void
}

/** What is done, when, and what becomes of it when two meet or nobody is there. */
export function ScheduleForm({ schedule, given, onSaved, onClose }: ScheduleFormProps) {
  const element = useRef<HTMLFormElement>(null)
  const outcome = useRef<HTMLDivElement>(null)
  const form = useScheduleForm(schedule, given, element, onSaved)
  const { draft, problems, error, refused, change } = form
  useEffect(() => {
    if (refused) focusMistake(element.current)
    else if (error) outcome.current?.scrollIntoView({ block: 'nearest' })
  }, [error, refused])

  return (
    <form ref={element} onSubmit={form.submit} noValidate className="flex flex-col gap-3 [&_:is(input,select,textarea)]:scroll-mb-20">
      {!schedule && <Choice label="What is done" value={draft.kind} values={SCHEDULE_KINDS} words={KIND_WORDS} onChange={(kind) => change({ kind })} />}
      {draft.kind === 'batch_prediction' && <BatchFields {...form} />}
      {draft.kind === 'retraining' && <RetrainingFields draft={draft} problems={problems} isNew={form.isNew} onChange={change} />}
      {draft.kind === 'registry_scan' && <Choice label="Environment" value={draft.scanned} values={ENVIRONMENTS} words={SCAN_WORDS} onChange={(scanned) => change({ scanned })} />}
      <h3>When</h3>
      <PatternFields draft={draft} problems={problems} pattern={form.pattern} onChange={change} />
      <div className="grid gap-3 sm:grid-cols-2">
        <Choice label="If the one before still runs" value={draft.overlap} values={OVERLAPS} words={OVERLAP_WORDS} onChange={(overlap) => change({ overlap })} />
        <Choice
          label="Firings that were missed"
          value={draft.misfire}
          values={MISFIRES}
          words={MISFIRE_WORDS}
          unfit={draft.overlap === 'replace' ? 'all' : undefined}
          problem={problems.misfire}
          onChange={(misfire) => change({ misfire })}
        />
      </div>
      <p className="text-sm text-muted">What is run by hand or back-filled ends nothing and is never skipped: it always waits for its turn.</p>
      {!schedule && (
        <>
          <TextField label="Name" value={form.name} problem={problems.name} help="No two schedules have the same. It can’t be changed later." onChange={(name) => change({ name })} />
          <label className="flex min-h-6 items-center gap-1.5">
            <input type="checkbox" className="accent-(--accent)" checked={draft.paused} onChange={(event) => change({ paused: event.target.checked })} />
            Paused at first: it only fires when somebody runs it
          </label>
        </>
      )}
      <div ref={outcome} className="scroll-mb-20">
        {error && !refused && <ErrorState error={error} title={schedule ? 'The schedule was not changed' : 'The schedule was not made'} />}
      </div>
      <div className="sticky -bottom-4 -mx-4 -mb-4 flex flex-wrap items-center justify-end gap-2 border-t border-line bg-surface px-4 py-3">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" busy={form.saving}>
          {schedule ? 'Save' : 'Create'}
        </Button>
      </div>
    </form>
  )
}
