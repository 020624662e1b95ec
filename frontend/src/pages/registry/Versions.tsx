import { useCallback, useState } from 'react'
import { Link } from 'react-router'
import { type Environment, type TableDetail, useTableSample } from '../../api'
import { registryTable } from '../../schedules/words'
import { tablePath } from '../../tables/name'
import { EmptyState, ErrorState, formatBytes, formatCount, formatNumber, LoadMore, plural, RelativeTime, SearchField, Skeleton, Table, type TableColumn } from '../../ui'
import { found, type KnownVersion, versionsIn } from './entries'

/** As many rows as the API shows of a table. */
const MOST = 1_000
const PAGE = 100

/** Of what others put there, mlsys has no page. */
function Name({ known: { name, version, uploader } }: { known: KnownVersion }) {
  const text = `${name} v${version}`
  if (uploader !== 'mlsys') return <span className="font-medium">{text}</span>
  return (
    <Link to={`/models/${encodeURIComponent(name)}?version=${encodeURIComponent(version)}`} className="link font-medium">
      {text}
    </Link>
  )
}

function Metrics({ metrics }: { metrics: KnownVersion['metrics'] }) {
  if (metrics.length === 0) return <span className="text-faint">–</span>
  const text = ([name, value]: [string, unknown]) => `${name} ${typeof value === 'number' || value === null ? formatNumber(value) : JSON.stringify(value)}`
  return (
    <span className="tabular-nums" title={metrics.map(text).join('\n')}>
      {metrics.slice(0, 2).map(text).join(', ')}
      {metrics.length > 2 && ' …'}
    </span>
  )
}

const columns: readonly TableColumn<KnownVersion>[] = [
  { key: 'name', header: 'Version', className: 'wrap-anywhere', cell: (known) => <Name known={known} /> },
  { key: 'uploader', header: 'Put there by', className: 'wrap-anywhere', cell: ({ uploader }) => uploader ?? <span className="text-faint">not known</span> },
  { key: 'metrics', header: 'Metrics', from: 'lg', className: 'wrap-anywhere', cell: ({ metrics }) => <Metrics metrics={metrics} /> },
  { key: 'size', header: 'Size', align: 'right', from: 'md', className: 'whitespace-nowrap', cell: ({ size }) => (size === null ? <span className="text-faint">–</span> : formatBytes(size)) },
  { key: 'uploaded', header: 'Written', align: 'right', from: 'sm', className: 'whitespace-nowrap', cell: ({ uploaded_at }) => <RelativeTime at={uploaded_at} /> },
  { key: 'registered', header: 'First found', align: 'right', from: 'md', className: 'whitespace-nowrap', cell: ({ registered_at }) => <RelativeTime at={registered_at} /> },
]

/** The versions that an environment's table has. */
export function Versions({ environment, table }: { environment: Environment; table: TableDetail }) {
  const query = useTableSample(table.name, table.version, MOST)
  const [search, setSearch] = useState('')
  const [shown, setShown] = useState(PAGE)
  const find = useCallback((text: string) => {
    setSearch(text)
    setShown(PAGE)
  }, [])
  const name = registryTable(environment)
  const link = (
    <Link to={tablePath(name)} className="link underline">
      {name}
    </Link>
  )
  if (query.isError) return <ErrorState error={query.error} title="The versions could not be read" onRetry={() => void query.refetch()} />
  if (!query.data) return <Skeleton lines={8} height="h-8" />
  const versions = versionsIn(query.data)
  if (versions === null) return <EmptyState title="This is another table">{link} has other columns than a registry’s. Move it away: the next scan makes it anew.</EmptyState>
  if (versions.length === 0) return <EmptyState title={`No version lies in the bucket of ${environment}`}>It was empty when it was looked through last.</EmptyState>
  const matching = found(versions, search)
  return (
    <>
      <search className="flex flex-wrap items-center gap-2">
        <SearchField main label="Search versions by model" placeholder="Search by model" className="w-full sm:max-w-xs" value={search} onChange={find} />
        <span role="status" className="text-muted tabular-nums">
          {plural(matching.length, 'version')}
        </span>
      </search>
      {matching.length > 0 ? (
        <Table label={`Versions in ${environment}`} rows={matching.slice(0, shown)} columns={columns} rowKey={({ name, version }) => `${name}/v${version}`} />
      ) : (
        <EmptyState title="No version matches" />
      )}
      <LoadMore hasNextPage={matching.length > shown} isFetchingNextPage={false} fetchNextPage={() => setShown(shown + PAGE)} shown={Math.min(shown, matching.length)} total={matching.length} />
      {table.rows !== null && table.rows > versions.length && (
        <p className="text-sm text-muted">
          The first {formatCount(versions.length)} of {formatCount(table.rows)} are here. DuckDB, Polars and pandas read all of {link}.
        </p>
      )}
    </>
  )
}
