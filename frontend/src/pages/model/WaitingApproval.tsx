import { type FormEvent, useId, useState } from 'react'
import { type Approval, asProblem, type ModelDetail, useApprovals, useApprove, useMe, useRefuse, useWithdraw } from '../../api'
import { Button, Dialog, Icon, RelativeTime, toast } from '../../ui'
import { Comparison } from './Comparison'
import { adviceForChange, type Change, isConfirmed, WORD } from './promotion'

/** The promotion of a model that waits for a second person, if there is one, and the ways to decide about it. */
export function WaitingApproval({ model }: { model: ModelDetail }) {
  const waiting = useApprovals(model.name).data?.items[0]
  const me = useMe().data
  const withdraw = useWithdraw()
  const [deciding, setDeciding] = useState<'approve' | 'refuse' | null>(null)
  if (!waiting) return null
  const mine = me?.person_id === waiting.asked_by
  return (
    <section aria-label="Waits for approval" className="flex flex-wrap items-center gap-2 rounded-lg border border-warning bg-surface p-3">
      <Icon name="warning" className="size-4 text-warning" />
      <p className="min-w-0 flex-1 wrap-anywhere">
        {`Version ${waiting.version} waits for ${mine ? 'somebody else' : 'you'} to approve ${subject(waiting)}. `}
        <span className="text-muted">
          {waiting.asker} asked <RelativeTime at={waiting.asked_at} />.
        </span>
      </p>
      {mine ? (
        <Button
          size="small"
          busy={withdraw.isPending}
          onClick={() =>
            withdraw.mutate(waiting.id, { onSuccess: () => toast('The promotion is taken back.', 'success'), onError: (error) => toast(adviceForChange(asProblem(error)).title, 'danger') })
          }
        >
          Take it back
        </Button>
      ) : (
        <>
          <Button size="small" icon="up" onClick={() => setDeciding('approve')}>
            Approve
          </Button>
          <Button size="small" icon="cross" onClick={() => setDeciding('refuse')}>
            Refuse
          </Button>
        </>
      )}
      <DecisionDialog key={`${waiting.id} ${deciding}`} approval={waiting} decision={deciding} onClose={() => setDeciding(null)} />
    </section>
  )
}

/** What is approved: that it takes the current version's place, or is tried beside it. */
function subject({ to, trial }: Approval): string {
  return trial ? `that it is tried in ${to} with ${trial.weight} % of the requests` : `it for ${to}`
}

interface DecisionDialogProps {
  approval: Approval
  /** Null while nothing is being decided. */
  decision: 'approve' | 'refuse' | null
  onClose: () => void
}

function DecisionDialog({ approval, decision, onClose }: DecisionDialogProps) {
  const id = useId()
  const approve = useApprove()
  const refuse = useRefuse()
  const [text, setText] = useState('')
  const change: Change = { kind: 'promote', from: approval.from, to: approval.to, version: approval.version, previous: approval.previous_version }
  const ready = decision === 'refuse' || isConfirmed(change, text)
  const error = approve.error ?? refuse.error
  const run = (event: FormEvent) => {
    event.preventDefault()
    if (!ready || approve.isPending || refuse.isPending) return
    const done = (said: string) => () => {
      toast(said, 'success')
      onClose()
    }
    if (decision === 'approve') approve.mutate({ id: approval.id, confirm: WORD }, { onSuccess: (made) => done(made.detail)() })
    else refuse.mutate({ id: approval.id, ...(text.trim() === '' ? {} : { reason: text.trim() }) }, { onSuccess: done('The promotion is refused.') })
  }
  return (
    <Dialog
      open={decision !== null}
      onClose={onClose}
      title={`${decision === 'approve' ? 'Approve' : 'Refuse'} version ${approval.version} for ${approval.to}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" form={id} look="danger" busy={approve.isPending || refuse.isPending} disabled={!ready}>
            {decision === 'refuse' ? 'Refuse' : approval.trial ? `Try it in ${approval.to}` : `Promote to ${approval.to}`}
          </Button>
        </>
      }
    >
      <form id={id} onSubmit={run} className="flex flex-col gap-3">
        {decision === 'approve' && <Comparison name={approval.model_name} change={change} />}
        <label className="flex flex-col gap-1">
          {decision === 'approve' ? (
            <span>
              This changes production. Type <strong>{WORD}</strong> to go on.
            </span>
          ) : (
            <span>Why, for {approval.asker}</span>
          )}
          <input className="field" value={text} onChange={(event) => setText(event.target.value)} maxLength={500} autoComplete="off" autoCapitalize="none" spellCheck={decision === 'refuse'} />
        </label>
        {error && (
          <p role="alert" className="rounded-lg border border-danger bg-danger-tint p-3 wrap-anywhere">
            <span className="font-medium text-danger">{adviceForChange(asProblem(error)).title}.</span> {asProblem(error).detail}
          </p>
        )}
      </form>
    </Dialog>
  )
}
