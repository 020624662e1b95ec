import type { Violation } from '../log/store'
import { Icon } from '../ui/Icon'
import { scrollable } from '../ui/scrollable'

interface ViolationListProps {
  violations: readonly Violation[]
  /** Names the cell of each, where the list does not stand at the cell. */
  withCell?: boolean
}

/** Where the notebook breaks the contract, and what helps. */
export function ViolationList({ violations, withCell = false }: ViolationListProps) {
  if (violations.length === 0) return null
  return (
    <ul className="flex flex-col gap-2">
      {violations.map((violation, index) => (
        <li key={index} className="flex gap-2 rounded-md border border-danger bg-danger-tint p-2">
          <Icon name="warning" className="mt-0.5 size-4 text-danger" />
          <div className="min-w-0 wrap-anywhere">
            <p className="font-medium text-danger">{violation.problem}</p>
            <p className="text-sm text-muted">{place(violation, withCell)}</p>
            {violation.text && (
              <pre ref={scrollable} className="my-1 overflow-x-auto rounded-md bg-surface px-2 py-1 font-mono text-xs">
                {violation.text.slice(0, 500)}
              </pre>
            )}
            {violation.fix && <p>{violation.fix}</p>}
          </div>
        </li>
      ))}
    </ul>
  )
}

function place({ cell, line }: Violation, withCell: boolean): string {
  const parts = [withCell && cell !== null ? `Cell ${cell}` : '', line === null ? '' : `line ${line}`]
  const text = parts.filter(Boolean).join(', ')
  return text.replace(/^l/, 'L')
}
