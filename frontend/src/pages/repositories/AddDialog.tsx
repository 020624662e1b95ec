import { type FormEvent, useId, useMemo, useState } from 'react'
import { useNavigate } from 'react-router'
import { useAddRepo, useRepoCheck } from '../../api'
import { Button, Dialog, ErrorState, toast, useSettled } from '../../ui'
import { Preview } from './Preview'
import { parseRepo } from './parse'
import { WebhookState } from './WebhookPanel'
import { isLocal } from './words'

interface AddDialogProps {
  open: boolean
  onClose: () => void
}

/** Registers a repository; what mlsys would find there shows while one types. */
export function AddDialog({ open, onClose }: AddDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title="Add a repository" wide>
      <AddForm onClose={onClose} />
    </Dialog>
  )
}

function AddForm({ onClose }: { onClose: () => void }) {
  const id = useId()
  const [text, setText] = useState('')
  const [branch, setBranch] = useState('main')
  const [glob, setGlob] = useState('**/*.ipynb')
  const add = useAddRepo()
  const navigate = useNavigate()

  const parsed = useMemo(() => parseRepo(text), [text])
  const name = parsed && 'fullName' in parsed ? parsed.fullName : null
  const wanted = useMemo(() => (name ? { full_name: name, branch: branch.trim() || 'main', notebook_glob: glob.trim() || '**/*.ipynb' } : null), [name, branch, glob])
  const settled = useSettled(wanted)
  const check = useRepoCheck(settled)
  const found = wanted && check.data?.full_name === wanted.full_name ? check.data : undefined
  const refused = found && (found.registered_id !== null || found.access === 'not_found' || found.access === 'forbidden')
  // A name that is still being typed is no mistake.
  const problem = useSettled(parsed && 'problem' in parsed ? parsed.problem : null, 600)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!wanted || refused) return
    add.mutate(wanted, {
      onSuccess: (repo) => {
        toast(`${repo.full_name} is registered.`, 'success')
        void navigate(`/repositories/${repo.id}`)
      },
    })
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <div className="flex flex-col gap-1">
        <label htmlFor={`${id}-repo`}>Repository</label>
        <input
          id={`${id}-repo`}
          className="field"
          placeholder="owner/name, or its address on GitHub"
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoFocus
          autoComplete="off"
          spellCheck={false}
          aria-invalid={problem !== null}
          aria-describedby={`${id}-problem`}
        />
        <p id={`${id}-problem`} className={problem ? 'min-h-5 text-sm text-danger' : 'min-h-5 text-sm text-muted'}>
          {problem ?? (name && name !== text.trim() ? `Read as ${name}` : '')}
        </p>
      </div>
      <div className="grid gap-3 sm:grid-cols-2">
        <label className="flex flex-col gap-1">
          Branches
          <input className="field font-mono" value={branch} onChange={(event) => setBranch(event.target.value)} autoComplete="off" spellCheck={false} />
          <span className="text-sm text-muted">Comma-separated patterns: main, release/*</span>
        </label>
        <label className="flex flex-col gap-1">
          Notebooks
          <input className="field font-mono" value={glob} onChange={(event) => setGlob(event.target.value)} autoComplete="off" spellCheck={false} />
          <span className="text-sm text-muted">{'A pattern for their paths: notebooks/**/*.ipynb'}</span>
        </label>
      </div>
      <div className="min-h-40 rounded-md border border-line bg-canvas p-3">
        {name ? <Preview query={check} /> : <p className="text-muted">What mlsys finds in the repository shows here. Nothing is changed until you add it.</p>}
      </div>
      {found?.access === 'ok' && found.registered_id === null && (
        <div>
          <h3 className="pb-1 text-sm text-muted">Webhook</h3>
          <WebhookState fullName={found.full_name} webhook={found.webhook} />
          {found.webhook.state === 'manual' && <p className="pt-2 text-muted">These values stay on the repository’s page, so you can add it first.</p>}
        </div>
      )}
      {name && isLocal(name) && !found && <p className="text-muted">A push with mlsys push registers a local repository by itself.</p>}
      {add.isError && <ErrorState error={add.error} title="The repository was not added" />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" busy={add.isPending} disabled={!wanted || refused}>
          Add repository
        </Button>
      </div>
    </form>
  )
}
