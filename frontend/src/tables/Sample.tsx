import { useTableSample } from '../api/tables'
import { plural } from '../ui/numbers'
import { Skeleton } from '../ui/Skeleton'
import { ErrorState } from '../ui/States'
import { isCut } from './cells'
import { SampleTable } from './SampleTable'

/** The first rows of a version of a table. */
export function Sample({ name, version }: { name: string; version: number }) {
  const query = useTableSample(name, version)
  if (query.isError) return <ErrorState error={query.error} title="The rows could not be read" onRetry={() => void query.refetch()} />
  if (!query.data) return <Skeleton lines={8} height="h-6" />
  const { columns, rows } = query.data
  if (rows.length === 0) return <p className="text-muted">{`Version ${version} has no rows.`}</p>
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <SampleTable key={`${name} ${version}`} label={`First rows of ${name}`} columns={columns} rows={rows} />
      <p className="text-sm text-muted">
        {`The first ${plural(rows.length, 'row')} of version ${version}.`}
        {rows.some((row) => row.some(isCut)) && ' Long values are cut: point at one, or move the focus to it, to see all of it.'}
      </p>
    </div>
  )
}
