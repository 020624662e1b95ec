import { useTables } from '../api/tables'
import type { TableDetail, WriteDisposition } from '../api/types'
import { formatBytes, plural } from '../ui/numbers'
import { type Draft, outputOf, type Problems } from './form'
import { TextField } from './TextField'
import { DISPOSITIONS } from './words'

/** How many tables are suggested; others can be typed. */
const SUGGESTED = 200

interface TableFieldsProps {
  draft: Draft
  problems: Problems
  /** The input, once it was found. */
  table: TableDetail | undefined
  /** Whether it is being looked for. */
  looking: boolean
  onChange: (change: Partial<Draft>) => void
}

function sizeOf({ rows, bytes, columns, version }: TableDetail): string {
  const parts = [rows === null ? null : plural(rows, 'row'), plural(columns.length, 'column'), formatBytes(bytes), `version ${version}`]
  return parts.filter(Boolean).join(', ')
}

/** Which table is read, and which one is written. */
export function TableFields({ draft, problems, table, looking, onChange }: TableFieldsProps) {
  const tables = useTables(SUGGESTED).data?.pages.flatMap((page) => page.items) ?? []
  const readable = tables.filter((one) => one.problem === null).map((one) => one.name)
  const size = table ? sizeOf(table) : looking ? 'Looking at the table …' : 'The table whose rows are scored.'
  return (
    <>
      <TextField
        label="Input table"
        value={draft.input}
        placeholder="project.dataset.table"
        suggestions={readable}
        problem={problems.input}
        help={size}
        // Another table has other columns.
        onChange={(input) => onChange({ input, columns: null })}
      />
      <div className="grid gap-x-3 gap-y-1 sm:grid-cols-[2fr_1fr]">
        <TextField
          label="Output table"
          value={outputOf(draft)}
          placeholder="project.dataset.table"
          suggestions={readable}
          problem={problems.output}
          help="It is made if there is none."
          onChange={(output) => onChange({ output })}
        />
        <label className="flex min-w-0 flex-col gap-1">
          If it has rows
          <select className="field" value={draft.disposition} onChange={(event) => onChange({ disposition: event.target.value as WriteDisposition })}>
            {Object.entries(DISPOSITIONS).map(([disposition, words]) => (
              <option key={disposition} value={disposition}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
    </>
  )
}
