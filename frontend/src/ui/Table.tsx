import { type ReactNode, useRef } from 'react'
import { Link } from 'react-router'
import { cx } from './cx'
import { useShortcuts } from './keyboard/hooks'

export interface TableColumn<Row> {
  key: string
  header: ReactNode
  cell: (row: Row) => ReactNode
  align?: 'left' | 'right'
  /** Leaves the column out on screens narrower than this. */
  from?: 'sm' | 'md' | 'lg' | 'xl'
  className?: string
}

interface TableProps<Row> {
  label: string
  rows: readonly Row[]
  columns: readonly TableColumn<Row>[]
  rowKey: (row: Row) => string | number
  /** Where a row leads: its first cell becomes the link, and the whole row can be clicked. */
  href?: (row: Row) => string
}

const visible = { sm: 'max-sm:hidden', md: 'max-md:hidden', lg: 'max-lg:hidden', xl: 'max-xl:hidden' } as const

/** A table whose rows can be walked with j and k, and opened with Enter. */
export function Table<Row>({ label, rows, columns, rowKey, href }: TableProps<Row>) {
  const body = useRef<HTMLTableSectionElement>(null)
  const move = (step: 1 | -1) => {
    const links = [...(body.current?.querySelectorAll<HTMLElement>('[data-row]') ?? [])]
    const index = links.indexOf(document.activeElement as HTMLElement)
    const next = index === -1 ? 0 : Math.min(links.length - 1, Math.max(0, index + step))
    links[next]?.focus()
    links[next]?.scrollIntoView({ block: 'nearest' })
  }
  useShortcuts(
    href
      ? [
          { keys: 'j', does: 'Next row (Enter opens it)', run: () => move(1) },
          { keys: 'k', does: 'Previous row', run: () => move(-1) },
        ]
      : [],
  )
  const classes = (column: TableColumn<Row>) =>
    cx('px-2 first:pl-3 last:pr-3', column.align === 'right' ? 'text-right tabular-nums' : 'text-left', column.from && visible[column.from], column.className)
  return (
    <div className="overflow-x-auto rounded-lg border border-line bg-surface">
      <table aria-label={label} className="w-full border-collapse">
        <thead>
          <tr className="border-b border-line text-xs text-faint">
            {columns.map((column) => (
              <th key={column.key} scope="col" className={cx('py-1.5 font-medium whitespace-nowrap', classes(column))}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="relative border-b border-line last:border-0 has-[[data-row]:hover]:bg-raised has-[[data-row]:focus-visible]:bg-accent-tint">
              {columns.map((column, index) => (
                <td key={column.key} className={cx('py-1.5', classes(column))}>
                  {index === 0 && href ? (
                    <Link
                      to={href(row)}
                      data-row=""
                      className="font-medium outline-none after:absolute after:inset-0 focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
                    >
                      {column.cell(row)}
                    </Link>
                  ) : (
                    column.cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
