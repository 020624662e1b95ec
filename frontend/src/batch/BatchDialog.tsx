import { Dialog } from '../ui/Dialog'
import { BatchForm } from './BatchForm'

interface BatchDialogProps {
  open: boolean
  onClose: () => void
  /** The table to score, if that is known. */
  input?: string
}

/** Starts a batch prediction, after it has shown what that would do. */
export function BatchDialog({ open, onClose, input = '' }: BatchDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title="New batch prediction" wide>
      <BatchForm input={input} onClose={onClose} />
    </Dialog>
  )
}
