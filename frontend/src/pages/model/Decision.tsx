import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { asProblem } from '../../api'
import { Button, Dialog, Duration, Icon, toast } from '../../ui'
import { adviceForChange, isWord, WORD } from './promotion'

interface DecisionProps {
  /** What is decided on; null while nothing is. */
  title: string | null
  /** The word on the button. */
  action: string
  /** Whether production is changed, which takes the word. */
  production: boolean
  /** Whether there is enough to go on with. */
  ready?: boolean
  /** Whether what it was to change has changed meanwhile. */
  stale: boolean
  /** Makes the change, and gives what is to be said of it. */
  make: (confirm: { confirm?: string }) => Promise<string>
  onClose: () => void
  onBusy: (busy: boolean) => void
  children: ReactNode
}

/** A dialog that says what will be changed, and changes it. The change goes on when the dialog is closed. */
export function Decision({ title, action, production, ready = true, stale, make, onClose, onBusy, children }: DecisionProps) {
  const id = useId()
  const [word, setWord] = useState('')
  const [started, setStarted] = useState<string | null>(null)
  const [error, setError] = useState<unknown>(null)
  const isOpen = useRef(false)
  useEffect(() => {
    isOpen.current = title !== null
  })
  const busy = started !== null
  const outdated = stale && !busy
  const allowed = ready && !outdated && (!production || isWord(word))

  const close = () => {
    setWord('')
    setError(null)
    onClose()
  }
  const run = async (event: FormEvent) => {
    event.preventDefault()
    if (busy || !allowed) return
    setError(null)
    setStarted(new Date().toISOString())
    onBusy(true)
    try {
      toast(await make(production ? { confirm: WORD } : {}), 'success')
      close()
    } catch (failure) {
      if (isOpen.current) setError(failure)
      else toast(`${title}: ${adviceForChange(asProblem(failure)).title}.`, 'danger')
    } finally {
      setStarted(null)
      onBusy(false)
    }
  }

  return (
    <Dialog
      open={title !== null}
      onClose={close}
      title={title ?? ''}
      actions={
        <>
          <Button onClick={close}>{busy ? 'Close, let it go on' : 'Cancel'}</Button>
          <Button type="submit" form={id} look={production ? 'danger' : 'primary'} busy={busy} disabled={!allowed}>
            {action}
          </Button>
        </>
      }
    >
      <form id={id} onSubmit={(event) => void run(event)} className="flex flex-col gap-3">
        {children}
        {production && (
          <label className="flex flex-col gap-1">
            <span>
              This changes production. Type <strong>{WORD}</strong> to go on.
            </span>
            <input className="field" value={word} onChange={(event) => setWord(event.target.value)} disabled={busy} autoComplete="off" autoCapitalize="none" spellCheck={false} />
          </label>
        )}
        {outdated && !error && <p className="text-warning">The environments have changed meanwhile. Close this and decide again.</p>}
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

/** Why a change was not made, and what to do. */
export function Refusal({ error }: { error: unknown }) {
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
