import type { TableDetail } from '../../api'
import { formatBytes, plural, RelativeTime } from '../../ui'

/** How much a table has, in one line. */
export function Facts({ table }: { table: TableDetail }) {
  const { rows, columns, bytes, files, version, written_at } = table
  const parts = [rows !== null && plural(rows, 'row'), plural(columns.length, 'column'), `${formatBytes(bytes)} in ${plural(files, 'file')}`, `version ${version}`]
  return (
    <span className="tabular-nums">
      {parts.filter(Boolean).join(' · ')}
      {written_at !== null && (
        <>
          , written <RelativeTime at={written_at} />
        </>
      )}
    </span>
  )
}
