import { type FormEvent, useId, useState } from 'react'
import { type BackFill, type BackFilled, type Schedule, useBackfill, useCheckBackfill } from '../../api'
import { FiringMoment } from '../../schedules/FiringMoment'
import { wallIn } from '../../schedules/zone'
import { Button, Dialog, ErrorState, plural, toast, useNow } from '../../ui'
import { bodyOf, type Span } from './backfill'

const DAY = 86_400_000

interface BackfillDialogProps {
  schedule: Schedule
  open: boolean
  onClose: () => void
}

/** Makes up for moments of the past, after it has shown how many those are. */
export function BackfillDialog({ schedule, open, onClose }: BackfillDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title={`Back-fill ${schedule.name}`}>
      <BackfillForm schedule={schedule} onClose={onClose} />
    </Dialog>
  )
}

function BackfillForm({ schedule, onClose }: Omit<BackfillDialogProps, 'open'>) {
  const id = useId()
  const { time_zone: zone } = schedule
  // The last week, up to the midnight that was last.
  const [span, setSpan] = useState<Span>(() => ({ from: `${wallIn(Date.now() - 7 * DAY, zone).slice(0, 10)}T00:00`, to: `${wallIn(Date.now(), zone).slice(0, 10)}T00:00` }))
  const [asked, setAsked] = useState(false)
  const [checked, setChecked] = useState<{ body: BackFill; answer: BackFilled } | null>(null)
  const check = useCheckBackfill(schedule.id)
  const fill = useBackfill(schedule.id)
  const read = bodyOf(span, zone, useNow('slow'))
  const problem = asked && 'problem' in read ? read.problem : undefined
  const error = fill.error ?? check.error

  const change = (part: Partial<Span>) => {
    setSpan((old) => ({ ...old, ...part }))
    setChecked(null)
    check.reset()
    fill.reset()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setAsked(true)
    if ('problem' in read || check.isPending || fill.isPending) return
    setChecked(null)
    fill.reset()
    check.mutate(read.body, { onSuccess: (answer) => setChecked({ body: read.body, answer }) })
  }
  const begin = () =>
    checked &&
    fill.mutate(checked.body, {
      onSuccess: ({ firings }) => {
        toast(`${plural(firings, 'firing')} made.`, 'success')
        onClose()
      },
    })

  const field = (key: keyof Span, label: string) => (
    <label className="flex min-w-0 flex-col gap-1">
      {label}
      <input
        type="datetime-local"
        className="field"
        value={span[key]}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-help`}
        onChange={(event) => change({ [key]: event.target.value })}
      />
    </label>
  )
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-3">
      <p className="text-muted">
        It fires for each moment of the pattern between the two, one after the other. Moments that it fired for are left out, unless that failed, was skipped or was cancelled. At most 1,000 moments at
        a time.
      </p>
      <div className="grid gap-3 sm:grid-cols-2">
        {field('from', 'From')}
        {field('to', 'To, not included')}
      </div>
      <p id={`${id}-help`} className={problem ? 'text-sm text-danger' : 'text-sm text-muted'}>
        {problem ?? `By the clocks of ${zone}.`}
      </p>
      <div role="status">{checked && <Made answer={checked.answer} zone={zone} />}</div>
      {error && <ErrorState error={error} title={fill.isError ? 'Nothing was back-filled' : 'It could not be checked'} />}
      <div className="flex flex-wrap items-center justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look={checked ? 'plain' : 'primary'} busy={check.isPending} disabled={fill.isPending}>
          Check
        </Button>
        <Button look="primary" busy={fill.isPending} disabled={!checked || checked.answer.firings === 0 || check.isPending} onClick={begin}>
          Back-fill
        </Button>
      </div>
    </form>
  )
}

/** What a back-fill would make. */
function Made({ answer: { firings, first, last }, zone }: { answer: BackFilled; zone: string }) {
  if (firings === 0 || first === null || last === null) return <p className="rounded-md border border-line bg-canvas p-3">No firing is missing between the two.</p>
  return (
    <p className="rounded-md border border-line bg-canvas p-3">
      <strong>{plural(firings, 'firing')}</strong>
      {firings === 1 ? ': ' : ', from '}
      <FiringMoment at={first} zone={zone} />
      {firings > 1 && (
        <>
          {' to '}
          <FiringMoment at={last} zone={zone} />
        </>
      )}
      . Nothing is made yet.
    </p>
  )
}
