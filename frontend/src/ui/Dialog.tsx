import { type ReactNode, useEffect, useId, useRef } from 'react'
import { Button } from './Button'
import { cx } from './cx'

interface DialogProps {
  open: boolean
  onClose: () => void
  title: string
  children: ReactNode
  /** Buttons at the foot. */
  actions?: ReactNode
  wide?: boolean
}

/** A native modal dialog: the browser keeps the focus inside and closes it with Esc. */
export function Dialog({ open, onClose, title, children, actions, wide = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const dialog = element.current
    if (!dialog) return
    if (open && !dialog.open) {
      dialog.showModal()
      // By itself the browser would begin at the cross that closes the dialog.
      dialog.querySelector<HTMLElement>('input, select, textarea')?.focus()
    }
    if (!open && dialog.open) dialog.close()
  }, [open])
  return (
    <dialog
      ref={element}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === element.current) onClose()
      }}
      className={cx('max-h-[min(90dvh,60rem)] w-[calc(100vw-2rem)] overflow-hidden rounded-lg border border-line bg-surface p-0 shadow-xl open:flex', wide ? 'max-w-3xl' : 'max-w-lg')}
    >
      {open && (
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          <div className="flex items-center justify-between gap-2 border-b border-line py-2 pr-2 pl-4">
            <h2 id={titleId} className="text-base">
              {title}
            </h2>
            <Button look="quiet" size="small" icon="cross" aria-label="Close" onClick={onClose} />
          </div>
          <div className="min-h-0 overflow-y-auto p-4">{children}</div>
          {actions && <div className="flex flex-wrap justify-end gap-2 border-t border-line px-4 py-3">{actions}</div>}
        </div>
      )}
    </dialog>
  )
}
