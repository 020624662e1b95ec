import { type FormEvent, useState } from 'react'
import { type Grant, type Invited, type Person, useChangePerson, useInviteAgain, useRemovePerson } from '../../api'
import { Button, Dialog, ErrorState, GrantFields, grantText, toast } from '../../ui'
import { Invitation } from './Invitation'

interface PersonDialogProps {
  person: Person | null
  onClose: () => void
}

/** What a person may, and whether they may sign in. */
export function PersonDialog({ person, onClose }: PersonDialogProps) {
  const [invited, setInvited] = useState<Invited | null>(null)
  return (
    <Dialog open={person !== null} onClose={onClose} title={invited ? 'A new invitation' : (person?.login ?? '')}>
      {invited ? <Invitation invited={invited} onClose={onClose} /> : person && <PersonForm person={person} onInvited={setInvited} onClose={onClose} />}
    </Dialog>
  )
}

function PersonForm({ person, onInvited, onClose }: { person: Person; onInvited: (invited: Invited) => void; onClose: () => void }) {
  const change = useChangePerson()
  const remove = useRemovePerson()
  const again = useInviteAgain()
  const [grant, setGrant] = useState<Grant>(person.grants[0] ?? { role: 'viewer' })
  const [sure, setSure] = useState(false)
  const rest = person.grants.slice(1)
  const error = change.error ?? remove.error ?? again.error
  const done = (text: string) => () => {
    toast(text, 'success')
    onClose()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    change.mutate({ id: person.id, grants: [grant, ...rest] }, { onSuccess: done(`${person.login} is changed.`) })
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      {person.from_issuer ? <p className="text-muted">Their groups at the issuer say what they may, at each sign-in.</p> : <GrantFields grant={grant} onChange={setGrant} />}
      {rest.length > 0 && <p className="text-muted">And: {rest.map(grantText).join(', ')}</p>}
      {error && <ErrorState error={error} title="Nothing was changed" />}
      <div className="flex flex-wrap gap-2 border-t border-line pt-3">
        {!person.from_issuer && (
          <Button busy={again.isPending} onClick={() => again.mutate(person.id, { onSuccess: onInvited })}>
            New invitation
          </Button>
        )}
        <Button onClick={() => change.mutate({ id: person.id, disabled: !person.disabled }, { onSuccess: done(`${person.login} is changed.`) })}>
          {person.disabled ? 'Let in again' : 'Keep out'}
        </Button>
        {sure ? (
          <Button look="danger" busy={remove.isPending} onClick={() => remove.mutate(person.id, { onSuccess: done(`${person.login} is removed.`) })}>
            Remove, with their keys
          </Button>
        ) : (
          <Button look="danger" onClick={() => setSure(true)}>
            Remove
          </Button>
        )}
      </div>
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        {!person.from_issuer && (
          <Button type="submit" look="primary" busy={change.isPending}>
            Save
          </Button>
        )}
      </div>
    </form>
  )
}
