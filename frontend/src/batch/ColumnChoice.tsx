import { useId } from 'react'
import type { TableField } from '../api/types'

interface ColumnChoiceProps {
  /** The input's columns; undefined while they are not known. */
  columns: readonly TableField[] | undefined
  /** Null: all. */
  chosen: readonly string[] | null
  problem: string | undefined
  onChange: (chosen: readonly string[] | null) => void
}

/** Which of the input's columns stand beside the predictions. */
export function ColumnChoice({ columns, chosen, problem, onChange }: ColumnChoiceProps) {
  const id = useId()
  const toggle = (name: string, on: boolean) => {
    const others = chosen?.filter((one) => one !== name) ?? []
    onChange(on ? [...others, name] : others)
  }
  return (
    <fieldset className="flex min-w-0 flex-col gap-1" aria-describedby={`${id}-problem`}>
      <legend className="pb-1">Columns beside the prediction</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1">
        <label className="flex min-h-6 items-center gap-1.5">
          <input type="radio" name={id} className="accent-(--accent)" checked={chosen === null} onChange={() => onChange(null)} />
          All of the input
        </label>
        <label className="flex min-h-6 items-center gap-1.5">
          <input type="radio" name={id} className="accent-(--accent)" checked={chosen !== null} disabled={!columns} aria-invalid={problem !== undefined} onChange={() => onChange([])} />
          {columns ? 'Only these' : 'Only some: choose the input first'}
        </label>
      </div>
      {chosen !== null && columns && (
        <ul aria-label="The input’s columns" className="grid max-h-40 gap-x-4 overflow-y-auto rounded-md border border-line p-2 sm:grid-cols-2">
          {columns.map((column) => (
            <li key={column.name}>
              <label className="flex min-h-6 items-center gap-1.5">
                <input type="checkbox" className="accent-(--accent)" checked={chosen.includes(column.name)} onChange={(event) => toggle(column.name, event.target.checked)} />
                <span className="min-w-0 font-mono text-sm wrap-anywhere">{column.name}</span>
                <span className="text-sm text-muted">{column.type}</span>
              </label>
            </li>
          ))}
        </ul>
      )}
      <p id={`${id}-problem`} className="text-sm text-danger">
        {problem}
      </p>
    </fieldset>
  )
}
