import { type FormEvent, useState } from 'react'
import { type Grant, type Invited, useInvite } from '../../api'
import { Button, Dialog, ErrorState, GrantFields } from '../../ui'
import { Invitation } from './Invitation'

interface InviteDialogProps {
  open: boolean
  onClose: () => void
}

export function InviteDialog({ open, onClose }: InviteDialogProps) {
  const [invited, setInvited] = useState<Invited | null>(null)
  const close = () => {
    setInvited(null)
    onClose()
  }
  return (
    <Dialog open={open} onClose={close} title={invited ? `${invited.person.login} is invited` : 'Invite somebody'}>
      {invited ? <Invitation invited={invited} onClose={close} /> : <InviteForm onInvited={setInvited} onClose={close} />}
    </Dialog>
  )
}

function InviteForm({ onInvited, onClose }: { onInvited: (invited: Invited) => void; onClose: () => void }) {
  const invite = useInvite()
  const [login, setLogin] = useState('')
  const [name, setName] = useState('')
  const [grant, setGrant] = useState<Grant>({ role: 'viewer' })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    invite.mutate({ login: login.trim(), name: name.trim() || null, grants: [grant] }, { onSuccess: onInvited })
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <label className="flex flex-col gap-1">
        Login
        <input
          className="field"
          value={login}
          onChange={(event) => setLogin(event.target.value)}
          placeholder="what they sign in as"
          required
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
        />
      </label>
      <label className="flex flex-col gap-1">
        Name
        <input className="field" value={name} onChange={(event) => setName(event.target.value)} maxLength={100} autoComplete="off" />
      </label>
      <GrantFields grant={grant} onChange={setGrant} />
      {invite.isError && <ErrorState error={invite.error} title="Nobody was invited" />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" busy={invite.isPending} disabled={login.trim() === ''}>
          Invite
        </Button>
      </div>
    </form>
  )
}
