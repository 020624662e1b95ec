import { type FormEvent, useState } from 'react'
import { asProblem, type Repo, type RunSecret, useRemoveSecret, useSecrets, useSetSecret } from '../../api'
import { Button, Dialog, ErrorState, Panel, RelativeTime, RemovalDialog, Skeleton, Table, type TableColumn, toast } from '../../ui'

const columns = (remove: (secret: RunSecret) => void): readonly TableColumn<RunSecret>[] => [
  { key: 'name', header: 'Name', className: 'wrap-anywhere', cell: (secret) => <code className="font-mono text-sm">{secret.name}</code> },
  { key: 'by', header: 'Set by', from: 'sm', className: 'wrap-anywhere', cell: (secret) => secret.set_by },
  { key: 'at', header: 'Set', cell: (secret) => <RelativeTime at={secret.set_at} /> },
  {
    key: 'remove',
    header: <span className="sr-only">Remove</span>,
    align: 'right',
    cell: (secret) => (
      <Button size="small" look="quiet" aria-label={`Remove ${secret.name}`} onClick={() => remove(secret)}>
        Remove
      </Button>
    ),
  },
]

/** What the repository's notebooks ask for by name, for those who may know the names. */
export function SecretsPanel({ repo }: { repo: Repo }) {
  const query = useSecrets(repo.id)
  const remove = useRemoveSecret()
  const [setting, setSetting] = useState(false)
  const [removing, setRemoving] = useState<RunSecret | null>(null)
  if (query.isError && asProblem(query.error).status === 403) return null
  const items = query.data?.items ?? []
  return (
    <Panel
      title="Secrets"
      actions={
        <Button size="small" onClick={() => setSetting(true)}>
          Set a secret
        </Button>
      }
    >
      {query.isPending ? (
        <Skeleton lines={2} height="h-8" />
      ) : query.isError ? (
        <ErrorState error={query.error} title="The secrets could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length === 0 ? (
        <p className="text-muted">
          None. Passwords and keys that notebooks ask for by name: <code className="font-mono text-sm">SECRETS = ["NAME"]</code>
        </p>
      ) : (
        <Table label="Secrets" rows={items} columns={columns(setRemoving)} rowKey={(secret) => secret.name} />
      )}
      <Dialog open={setting} onClose={() => setSetting(false)} title="Set a secret">
        {setting && <SecretForm repo={repo} onClose={() => setSetting(false)} />}
      </Dialog>
      <RemovalDialog
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={`Remove ${removing?.name ?? ''}?`}
        verb="Remove"
        busy={remove.isPending}
        onRemove={() =>
          removing &&
          remove.mutate(
            { id: repo.id, name: removing.name },
            {
              onSuccess: () => toast('The secret is removed.'),
              onError: (error) => toast(error.message, 'danger'),
              onSettled: () => setRemoving(null),
            },
          )
        }
      >
        <p>Notebooks that ask for it fail from now on.</p>
      </RemovalDialog>
    </Panel>
  )
}

function SecretForm({ repo, onClose }: { repo: Repo; onClose: () => void }) {
  const set = useSetSecret()
  const [name, setName] = useState('')
  const [value, setValue] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    set.mutate(
      { id: repo.id, name, value },
      {
        onSuccess: () => {
          toast(`${name} is set.`)
          onClose()
        },
      },
    )
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <label className="flex flex-col gap-1">
        Name
        <input
          className="field font-mono"
          value={name}
          onChange={(event) => setName(event.target.value.toUpperCase())}
          placeholder="WAREHOUSE_PASSWORD"
          maxLength={64}
          required
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <label className="flex flex-col gap-1">
        Value
        <textarea className="field font-mono" value={value} onChange={(event) => setValue(event.target.value)} rows={3} required autoComplete="off" spellCheck={false} />
      </label>
      <p className="text-muted">Nobody can read it again. One of this name is replaced.</p>
      {set.isError && <ErrorState error={set.error} title="The secret was not set" />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" busy={set.isPending} disabled={name === '' || value === ''}>
          Set it
        </Button>
      </div>
    </form>
  )
}
