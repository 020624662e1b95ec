import { type DeploymentEvent, useDeployments } from '../../api'
import { Badge, Duration, EmptyState, ErrorState, LoadMore, RelativeTime, Skeleton, Table, type TableColumn } from '../../ui'
import { causes } from './words'

const columns: readonly TableColumn<DeploymentEvent>[] = [
  { key: 'version', header: 'Version', className: 'whitespace-nowrap', cell: (event) => `Version ${event.version}` },
  {
    key: 'environment',
    header: 'Environment',
    cell: (event) => (
      <span className="flex flex-wrap gap-1">
        {event.environment}
        {event.ended_at === null && (
          <Badge tone="success" icon="check">
            serves
          </Badge>
        )}
      </span>
    ),
  },
  { key: 'cause', header: 'Why', from: 'sm', cell: (event) => causes[event.cause] },
  { key: 'from', header: 'Deployed', align: 'right', className: 'whitespace-nowrap', cell: (event) => <RelativeTime at={event.deployed_at} /> },
  { key: 'for', header: 'Served for', align: 'right', from: 'sm', className: 'whitespace-nowrap', cell: (event) => <Duration from={event.deployed_at} to={event.ended_at} ticking={false} /> },
]

/** Which versions served where, newest first. */
export function History({ name }: { name: string }) {
  const query = useDeployments(name)
  const events = query.data?.pages.flatMap((page) => page.items) ?? []
  if (query.isPending) return <Skeleton lines={8} height="h-8" />
  if (query.isError && !query.data) return <ErrorState error={query.error} title="The deployments could not be loaded" onRetry={() => void query.refetch()} />
  if (events.length === 0) {
    return <EmptyState title="No version was deployed yet">A version is deployed to dev when its pipeline passes its gates. Look at the newest pipeline for what held it.</EmptyState>
  }
  return (
    <div className="flex flex-col gap-3">
      <Table label="Deployments" rows={events} columns={columns} rowKey={(event) => event.generation} href={(event) => `?version=${event.version}`} />
      <LoadMore {...query} />
    </div>
  )
}
