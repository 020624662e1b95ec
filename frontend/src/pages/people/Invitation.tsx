import type { Invited } from '../../api'
import { Button, CopyButton } from '../../ui'

/** The address to send to somebody who was invited. */
export function Invitation({ invited, onClose }: { invited: Invited; onClose: () => void }) {
  return (
    <div className="flex flex-col gap-3">
      <p>Send this address to {invited.person.name} alone. They choose a password there. It works once, within a week.</p>
      <div className="flex items-center gap-1 rounded-md border border-line bg-raised py-0.5 pr-0.5 pl-3">
        <code className="min-w-0 flex-1 font-mono text-sm wrap-anywhere">{invited.invitation}</code>
        <CopyButton text={invited.invitation} label="Copy the address" />
      </div>
      <div className="flex justify-end">
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </div>
  )
}
