import { type FormEvent, useState } from 'react'
import { type Grant, type MadeKey, useMakeKey } from '../../api'
import { Button, CopyButton, Dialog, ErrorState, GrantFields } from '../../ui'

interface MakeDialogProps {
  open: boolean
  onClose: () => void
}

export function MakeDialog({ open, onClose }: MakeDialogProps) {
  const [made, setMade] = useState<MadeKey | null>(null)
  const close = () => {
    setMade(null)
    onClose()
  }
  return (
    <Dialog open={open} onClose={close} title={made ? `${made.name} is made` : 'Make a key'}>
      {made ? <Made made={made} onClose={close} /> : <MakeForm onMade={setMade} onClose={close} />}
    </Dialog>
  )
}

function Made({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  return (
    <div className="flex flex-col gap-3">
      <p>Copy it now: mlsys keeps only what it needs to recognise it, so nobody can show it again.</p>
      <div className="flex items-center gap-1 rounded-md border border-line bg-raised py-0.5 pr-0.5 pl-3">
        <code className="min-w-0 flex-1 font-mono text-sm wrap-anywhere">{made.key}</code>
        <CopyButton text={made.key} label="Copy the key" />
      </div>
      <div className="flex justify-end">
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </div>
  )
}

function MakeForm({ onMade, onClose }: { onMade: (made: MadeKey) => void; onClose: () => void }) {
  const make = useMakeKey()
  const [name, setName] = useState('')
  const [grant, setGrant] = useState<Grant>({ role: 'predictor' })
  const [days, setDays] = useState('90')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    make.mutate({ name: name.trim(), grants: [grant], days: days === '' ? null : Number(days) }, { onSuccess: onMade })
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <label className="flex flex-col gap-1">
        Name
        <input className="field" value={name} onChange={(event) => setName(event.target.value)} placeholder="what it is for" maxLength={100} required autoComplete="off" />
      </label>
      <GrantFields grant={grant} onChange={setGrant} />
      <label className="flex flex-col gap-1">
        Expires
        <select className="field" value={days} onChange={(event) => setDays(event.target.value)}>
          <option value="7">in a week</option>
          <option value="90">in 90 days</option>
          <option value="365">in a year</option>
          <option value="">never</option>
        </select>
      </label>
      {make.isError && <ErrorState error={make.error} title="The key was not made" />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" look="primary" busy={make.isPending} disabled={name.trim() === ''}>
          Make it
        </Button>
      </div>
    </form>
  )
}
