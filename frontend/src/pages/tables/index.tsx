import { type TableSummary, useTables } from '../../api'
import { tablePath } from '../../tables/name'
import { EmptyState, ErrorState, formatBytes, formatCount, Icon, LoadMore, Page, RelativeTime, Skeleton, Table, type TableColumn } from '../../ui'

function orDash<T>(value: T | null, format: (value: T) => string) {
  return value === null ? <span className="text-faint">–</span> : format(value)
}

const columns: readonly TableColumn<TableSummary>[] = [
  {
    key: 'name',
    header: 'Table',
    className: 'wrap-anywhere',
    cell: ({ name, problem }) => (
      <>
        {name}
        {problem !== null && (
          <span className="flex items-start gap-1 text-sm font-normal text-danger">
            <Icon name="warning" className="mt-0.5 size-4" />
            <span className="min-w-0">Can’t be read: {problem}</span>
          </span>
        )}
      </>
    ),
  },
  { key: 'rows', header: 'Rows', align: 'right', cell: (table) => orDash(table.rows, formatCount) },
  { key: 'columns', header: 'Columns', align: 'right', from: 'md', cell: (table) => orDash(table.columns, formatCount) },
  { key: 'size', header: 'Size', align: 'right', from: 'sm', className: 'whitespace-nowrap', cell: (table) => orDash(table.bytes, formatBytes) },
  { key: 'version', header: 'Version', align: 'right', from: 'md', cell: (table) => orDash(table.version, String) },
  { key: 'written', header: 'Written', align: 'right', className: 'whitespace-nowrap', cell: (table) => <RelativeTime at={table.written_at} /> },
]

export function Component() {
  const query = useTables()
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page title="Tables" subtitle="What notebooks and batch predictions read and write.">
      {query.isPending ? (
        <Skeleton lines={8} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The tables could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length > 0 ? (
        <Table label="Tables" rows={items} columns={columns} rowKey={(table) => table.name} href={(table) => tablePath(table.name)} />
      ) : (
        <EmptyState title="No table yet" command="mlsys tables import FILE project.dataset.table">
          Import a CSV or Parquet file under a name of three parts, or write a table from a notebook.
        </EmptyState>
      )}
      <LoadMore {...query} />
    </Page>
  )
}
