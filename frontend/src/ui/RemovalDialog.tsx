import type { ReactNode } from 'react'
import { Button } from './Button'
import { Dialog } from './Dialog'

interface RemovalDialogProps {
  open: boolean
  onClose: () => void
  title: string
  /** What is done, on the button. */
  verb: string
  busy: boolean
  onRemove: () => void
  /** What that means. */
  children: ReactNode
}

/** Asks once more before something is taken away. */
export function RemovalDialog({ verb, busy, onRemove, ...rest }: RemovalDialogProps) {
  return (
    <Dialog
      {...rest}
      actions={
        <>
          <Button onClick={rest.onClose}>Keep it</Button>
          <Button look="danger" busy={busy} onClick={onRemove}>
            {verb}
          </Button>
        </>
      }
    />
  )
}
