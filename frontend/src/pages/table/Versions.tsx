import { useSearchParams } from 'react-router'
import type { TableVersion } from '../../api'
import { EmptyState, formatBytes, formatCount, Icon, RelativeTime, Table, type TableColumn } from '../../ui'
import { withVersion } from './address'

/** As many versions as the API tells of. */
const MOST = 100

const columnsOf = (shown: number): TableColumn<TableVersion>[] => [
  {
    key: 'version',
    header: 'Version',
    className: 'whitespace-nowrap',
    cell: ({ version }) =>
      version === shown ? (
        <span className="flex items-center gap-1 text-accent">
          Version {version}
          <Icon name="check" className="size-3.5" />
          <span className="sr-only">(looked at)</span>
        </span>
      ) : (
        `Version ${version}`
      ),
  },
  { key: 'at', header: 'Written', className: 'whitespace-nowrap', cell: (one) => <RelativeTime at={one.at} /> },
  { key: 'operation', header: 'Operation', from: 'sm', cell: (one) => (one.operation === null ? <span className="text-faint">–</span> : <code className="font-mono text-sm">{one.operation}</code>) },
  { key: 'rows', header: 'Rows added', align: 'right', cell: (one) => (one.rows === null ? <span className="text-faint">–</span> : formatCount(one.rows)) },
  { key: 'bytes', header: 'Added', align: 'right', from: 'md', className: 'whitespace-nowrap', cell: (one) => (one.bytes === null ? <span className="text-faint">–</span> : formatBytes(one.bytes)) },
  {
    key: 'job',
    header: 'Job',
    from: 'sm',
    className: 'wrap-anywhere',
    cell: (one) => (one.job === null ? <span className="text-faint">–</span> : <code className="font-mono text-sm">{one.job}</code>),
  },
]

interface VersionsProps {
  /** Newest first. */
  versions: readonly TableVersion[]
  /** The version that the page is about. */
  shown: number
  newest: number | null
}

/** What was written when, and the way to the table as it was then. */
export function Versions({ versions, shown, newest }: VersionsProps) {
  const [address] = useSearchParams()
  if (versions.length === 0) return <EmptyState title="No version is known">The table’s log no longer tells of its changes.</EmptyState>
  return (
    <div className="flex flex-col gap-2">
      <Table label="Versions" rows={versions} columns={columnsOf(shown)} rowKey={(one) => one.version} href={(one) => `?${withVersion(address, one.version === newest ? null : one.version)}`} />
      {versions.length >= MOST && <p className="text-sm text-muted">The newest {MOST} are listed. An older one shows when its number is in the address: ?version=0.</p>}
    </div>
  )
}
