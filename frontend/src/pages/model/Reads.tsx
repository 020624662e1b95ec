import { Link } from 'react-router'
import type { DataRead, TableRead } from '../../api'
import { formatExact, plural } from '../../ui'
import { pageOf, tablesOf } from './words'

/** More tables are only named with the queries. */
const SHOWN = 6

function TableName({ read }: { read: TableRead }) {
  const page = pageOf(read)
  const name = 'font-mono text-sm wrap-anywhere'
  return (
    <>
      {page ? (
        <Link to={page} className={`link ${name}`}>
          {read.table}
        </Link>
      ) : (
        <span className={name}>{read.table}</span>
      )}
      <span className="text-sm wrap-anywhere text-muted">, version {read.version}</span>
    </>
  )
}

/** A query, what it gave, and from what. What is said of it comes from the notebook's machine. */
function Query({ read: { query, tables, rows, at } }: { read: DataRead }) {
  const time = Date.parse(at)
  return (
    <li className="flex min-w-0 flex-col">
      <code className="font-mono text-sm wrap-anywhere whitespace-pre-wrap">{query}</code>
      <span className="text-sm wrap-anywhere text-muted">
        {plural(rows, 'row')}
        {tables.length > 0 && ` from ${tables.map(({ table, version }) => `${table}, version ${version}`).join('; ')}`}
        {!Number.isNaN(time) && ` · ${formatExact(time)}`}
      </span>
    </li>
  )
}

/** What a version's notebook read: the tables, and on demand the queries. */
export function Reads({ reads }: { reads: readonly DataRead[] }) {
  if (reads.length === 0) return 'Nothing by mlsys.bq'
  const tables = tablesOf(reads)
  const more = tables.length - Math.min(SHOWN, tables.length)
  return (
    <div className="flex min-w-0 flex-col">
      {tables.length > 0 && (
        <ul aria-label="Tables that the notebook read">
          {tables.slice(0, SHOWN).map((read) => (
            <li key={`${read.table} ${read.version}`}>
              <TableName read={read} />
            </li>
          ))}
          {more > 0 && <li className="text-sm text-muted">and {plural(more, 'more', 'more')}</li>}
        </ul>
      )}
      <details>
        <summary className="link min-h-6 text-sm">{plural(reads.length, 'query', 'queries')}</summary>
        <ul aria-label="Queries of the notebook" tabIndex={0} className="flex max-h-80 flex-col gap-2 overflow-y-auto border-l border-line pl-2">
          {reads.map((read, index) => (
            <Query key={index} read={read} />
          ))}
        </ul>
      </details>
    </div>
  )
}
