import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import { type Approval, asProblem, type DeploymentChange, type ModelDetail, usePromote, useRollback } from '../../api'
import { Button, Dialog, Duration, Icon, toast } from '../../ui'
import { Comparison } from './Comparison'
import { adviceForChange, type Change, isConfirmed, isStale, needsWord, WORD } from './promotion'

interface ChangeDialogProps {
  model: ModelDetail
  /** Null while no change is being decided on. */
  change: Change | null
  onClose: () => void
  onBusy: (busy: boolean) => void
}

function titleOf(change: Change): string {
  return change.kind === 'promote' ? `Promote version ${change.version} to ${change.to}` : `Roll back ${change.to} to version ${change.version}`
}

/** Says what a promotion or roll back will change, and makes it. The change goes on when the dialog is closed. */
export function ChangeDialog({ model, change, onClose, onBusy }: ChangeDialogProps) {
  const id = useId()
  const promote = usePromote(model.name)
  const rollback = useRollback(model.name)
  const [word, setWord] = useState('')
  const [started, setStarted] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const isOpen = useRef(false)
  useEffect(() => {
    isOpen.current = change !== null
  })
  const busy = started !== null

  const close = () => {
    setWord('')
    setError(null)
    onClose()
  }
  const run = async (event: FormEvent, wanted: Change) => {
    event.preventDefault()
    if (busy || !isConfirmed(wanted, word) || isStale(wanted, model)) return
    setError(null)
    setStarted(new Date().toISOString())
    onBusy(true)
    const confirm = needsWord(wanted) ? { confirm: WORD } : {}
    try {
      const made: DeploymentChange | Approval =
        wanted.kind === 'promote'
          ? await promote.mutateAsync({ version: wanted.version, from: wanted.from, to: wanted.to, ...confirm })
          : await rollback.mutateAsync({ environment: wanted.to, ...confirm })
      toast('state' in made ? `Version ${made.version} waits until somebody else approves it for ${made.to}.` : made.detail, 'success')
      close()
    } catch (failure) {
      if (isOpen.current) setError(failure)
      else toast(`${titleOf(wanted)}: ${adviceForChange(asProblem(failure)).title}.`, 'danger')
    } finally {
      setStarted(null)
      onBusy(false)
    }
  }

  if (!change)
    return (
      <Dialog open={false} onClose={close} title="">
        {null}
      </Dialog>
    )
  const stale = !busy && isStale(change, model)
  return (
    <Dialog
      open
      onClose={close}
      title={titleOf(change)}
      actions={
        <>
          <Button onClick={close}>{busy ? 'Close, let it go on' : 'Cancel'}</Button>
          <Button type="submit" form={id} look={needsWord(change) ? 'danger' : 'primary'} busy={busy} disabled={stale || !isConfirmed(change, word)}>
            {change.kind === 'promote' ? `Promote to ${change.to}` : 'Roll back'}
          </Button>
        </>
      }
    >
      <form id={id} onSubmit={(event) => void run(event, change)} className="flex flex-col gap-3">
        <Comparison name={model.name} change={change} />
        <p className="text-muted">
          {change.kind === 'promote'
            ? 'The very same bytes are copied, their digest is checked, the alias is moved and the model is self-tested; if any step fails, nothing changes.'
            : 'The earlier version’s bytes are taken again, their digest is checked, the alias is moved and the model is self-tested; if any step fails, nothing changes.'}
        </p>
        {needsWord(change) && (
          <label className="flex flex-col gap-1">
            <span>
              This changes production. Type <strong>{WORD}</strong> to go on.
            </span>
            <input className="field" value={word} onChange={(event) => setWord(event.target.value)} disabled={busy} autoComplete="off" autoCapitalize="none" spellCheck={false} />
          </label>
        )}
        {stale && !error && <p className="text-warning">The environments have changed meanwhile. Close this and decide again.</p>}
        <div role="status">
          {started && (
            <p className="flex flex-wrap items-center gap-2 rounded-md bg-accent-tint px-3 py-2">
              <Icon name="run" className="size-4 text-accent spin" />
              Under way; this takes up to a minute. <Duration from={started} to={null} className="ml-auto" />
            </p>
          )}
        </div>
        {error !== null && <Refusal error={error} />}
      </form>
    </Dialog>
  )
}

function Refusal({ error }: { error: unknown }) {
  const problem = asProblem(error)
  const { title, todo } = adviceForChange(problem)
  return (
    <div role="alert" className="flex flex-col gap-1 rounded-lg border border-danger bg-danger-tint p-3">
      <p className="flex items-center gap-2 font-medium text-danger">
        <Icon name="warning" />
        {title}
      </p>
      <p className="wrap-anywhere">{problem.detail}</p>
      <p className="text-muted">{todo}</p>
      {problem.requestId && <p className="font-mono text-xs text-muted">Request {problem.requestId}</p>}
    </div>
  )
}
