import { useEffect, useId, useRef } from 'react'
import { useNavigate } from 'react-router'
import { Button } from '../ui/Button'
import { ErrorState } from '../ui/States'
import { toast } from '../ui/toasts'
import { ColumnChoice } from './ColumnChoice'
import { ModelFields } from './ModelFields'
import { Preview } from './Preview'
import { RejectChoice } from './RejectChoice'
import { TableFields } from './TableFields'
import { focusMistake, useBatchForm } from './useBatchForm'

/** The fields, what they would do, and the button that does it. */
export function BatchForm({ input, onClose }: { input: string; onClose: () => void }) {
  const id = useId()
  const element = useRef<HTMLFormElement>(null)
  const outcome = useRef<HTMLDivElement>(null)
  const navigate = useNavigate()
  const form = useBatchForm(input, element, (batch) => {
    toast('The batch prediction is started.', 'success')
    // The dialog goes with the page that it is on: closed before, it might write an address of its own.
    void navigate(`/batch-predictions/${batch.id}`)
  })
  const { draft, problems, checked, error, refused, change } = form
  useEffect(() => {
    if (refused) focusMistake(element.current)
    else if (checked || error) outcome.current?.scrollIntoView({ block: 'nearest' })
  }, [checked, error, refused])

  return (
    <form ref={element} onSubmit={form.submit} noValidate className="flex flex-col gap-2 [&_:is(input,select)]:scroll-mb-20">
      <ModelFields draft={draft} problems={problems} names={form.names} deployed={form.deployed} onChange={change} />
      <TableFields draft={draft} problems={problems} table={form.table} looking={form.looking} onChange={change} />
      <ColumnChoice columns={form.table?.columns} chosen={draft.columns} problem={problems.columns} onChange={(columns) => change({ columns })} />
      <RejectChoice reject={draft.reject} onChange={(reject) => change({ reject })} />
      <div ref={outcome} className="scroll-mb-20 pt-1">
        <div role="status">{checked && <Preview preview={checked.preview} output={checked.body.output_table} />}</div>
        {error && !refused && <ErrorState error={error} title={form.failedToStart ? 'The batch prediction was not started' : 'It could not be checked'} />}
      </div>
      <div className="sticky -bottom-4 -mx-4 -mb-4 flex flex-wrap items-center justify-end gap-2 border-t border-line bg-surface px-4 py-3">
        <p id={`${id}-next`} className="mr-auto text-sm text-muted max-sm:basis-full">
          {checked ? 'Nothing is started yet.' : 'Check first: it shows what would be done.'}
        </p>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look={checked ? 'plain' : 'primary'} busy={form.checking} disabled={form.starting}>
          Check
        </Button>
        <Button look="primary" busy={form.starting} disabled={!checked || form.checking} aria-describedby={`${id}-next`} onClick={form.begin}>
          Start
        </Button>
      </div>
    </form>
  )
}
