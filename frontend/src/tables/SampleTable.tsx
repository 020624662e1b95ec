import { cx } from '../ui/cx'
import { scrollable } from '../ui/scrollable'
import { shownOf } from './cells'

function Cell({ value }: { value: unknown }) {
  const shown = shownOf(value)
  if (shown.kind === 'gap') {
    return (
      <span className="text-faint italic" title="There is no value here">
        gap
      </span>
    )
  }
  if (shown.kind === 'empty') {
    return (
      <span className="text-faint" title="A text of no characters">
        “”
      </span>
    )
  }
  if (!shown.long) return shown.text
  // The keyboard reaches a cut value as the mouse does, and shows all of it.
  return (
    <span tabIndex={0} title={shown.text} className="block max-w-64 truncate focus:max-h-40 focus:w-64 focus:overflow-auto focus:wrap-anywhere focus:whitespace-normal">
      {shown.text}
    </span>
  )
}

interface SampleTableProps {
  label: string
  columns: readonly string[]
  rows: readonly (readonly unknown[])[]
}

/** Rows of a table as they are, side by side however many columns there are: the keyboard can scroll them. */
export function SampleTable({ label, columns, rows }: SampleTableProps) {
  const numbers = columns.map((_, column) => rows.every((row) => row[column] === null || typeof row[column] === 'number'))
  const classes = (column: number) => cx('px-2 first:pl-3 last:pr-3', numbers[column] && 'text-right tabular-nums')
  return (
    <section ref={scrollable} aria-label={label} className="overflow-x-auto rounded-lg border border-line bg-surface">
      <table aria-label={label} className="w-full border-collapse text-sm">
        <thead>
          <tr className="border-b border-line text-xs text-faint">
            {columns.map((name, column) => (
              <th key={column} scope="col" className={cx('py-1.5 text-left font-mono font-medium whitespace-nowrap', classes(column))}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index} className="border-b border-line align-top last:border-0">
              {columns.map((_, column) => (
                <td key={column} className={cx('py-1 whitespace-nowrap', classes(column))}>
                  <Cell value={row[column]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
