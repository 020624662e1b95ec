import type { ReactNode } from 'react'
import { Button } from './Button'
import { Dialog } from './Dialog'

interface RemovalDialogProps {
  open: boolean
  onClose: () => void
  title: string
  /** What is done, on the button. */
  verb: string
  /** What is not done, on the other one. */
  keep?: string
  busy: boolean
  onRemove: () => void
  /** What that means. */
  children: ReactNode
}

/** Asks once more before something is taken away. */
export function RemovalDialog({ verb, keep = 'Keep it', busy, onRemove, ...rest }: RemovalDialogProps) {
  return (
    <Dialog
      {...rest}
      actions={
        <>
          <Button onClick={rest.onClose}>{keep}</Button>
          <Button look="danger" busy={busy} onClick={onRemove}>
            {verb}
          </Button>
        </>
      }
    />
  )
}
