import { Dialog } from '../Dialog'
import { useBindings } from './hooks'

function Keys({ keys }: { keys: string }) {
  return (
    <span className="flex items-center gap-1">
      {keys.split(' ').map((key, index) => (
        <kbd key={index} className="min-w-6 rounded-md border border-line-strong bg-raised px-1.5 text-center font-mono text-sm">
          {key}
        </kbd>
      ))}
    </span>
  )
}

/** Lists every key that works on this page. */
export function HelpDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const bindings = useBindings()
  const rows = [...bindings, { keys: 'Esc', does: 'Close a dialog, leave a field' }]
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard">
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">
        {rows.map((row) => (
          <div key={row.keys} className="contents">
            <dt>
              <Keys keys={row.keys} />
            </dt>
            <dd>{row.does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
