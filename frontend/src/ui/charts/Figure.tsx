import type { ReactNode } from 'react'

interface ChartFigureProps {
  label: string
  columns: readonly string[]
  rows: readonly (readonly ReactNode[])[]
  legend?: readonly { name: string; color: string; dashed?: boolean }[]
  children: ReactNode
}

/** A chart with its numbers as a table: for screen readers, and for anyone who opens it. */
export function ChartFigure({ label, columns, rows, legend, children }: ChartFigureProps) {
  return (
    <figure aria-label={label} className="flex min-w-0 flex-col gap-1">
      {children}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-muted">
        {legend?.map((entry) => (
          <span key={entry.name} className="flex items-center gap-1">
            {entry.dashed ? (
              <span aria-hidden="true" className="w-4 border-t-2 border-dashed" style={{ borderColor: entry.color }} />
            ) : (
              <span aria-hidden="true" className="size-2.5 rounded-sm" style={{ background: entry.color }} />
            )}
            {entry.name}
          </span>
        ))}
        <details className="ml-auto open:ml-0 open:w-full">
          <summary className="link">As a table</summary>
          <div className="max-h-64 overflow-auto">
            <table className="mt-1 w-full tabular-nums">
              <thead>
                <tr>
                  {columns.map((column) => (
                    <th key={column} scope="col" className="px-1 text-left font-medium first:pl-0">
                      {column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row, index) => (
                  <tr key={index}>
                    {row.map((cell, column) => (
                      <td key={column} className="px-1 first:pl-0">
                        {cell}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </div>
    </figure>
  )
}
