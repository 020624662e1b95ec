import { useSyncExternalStore } from 'react'
import { Button } from './Button'
import { cx } from './cx'
import { dismissToast, toastStore } from './toasts'

/** Shows what `toast(text, tone)` says; screen readers hear it. */
export function Toaster() {
  const messages = useSyncExternalStore(toastStore.subscribe, toastStore.read)
  return (
    <div aria-live="polite" className="pointer-events-none fixed right-4 bottom-4 left-4 z-50 flex flex-col items-end gap-2">
      {messages.map((message) => (
        <div
          key={message.id}
          className={cx(
            'pointer-events-auto flex max-w-md items-start gap-2 rounded-md border bg-surface py-1.5 pr-1.5 pl-3 shadow-lg',
            message.tone === 'danger' ? 'border-danger text-danger' : 'border-line-strong',
          )}
        >
          <span className="py-0.5 wrap-anywhere">{message.text}</span>
          <Button look="quiet" size="small" icon="cross" aria-label="Dismiss" onClick={() => dismissToast(message.id)} />
        </div>
      ))}
    </div>
  )
}
