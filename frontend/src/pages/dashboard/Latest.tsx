import { listed, usePipelines } from '../../api'
import { Duration, ErrorState, PhaseBar, RelativeTime, Skeleton, StatusBadge, Table } from '../../ui'

const SHOWN = 10

/** The newest pipelines in short. */
export function Latest() {
  const query = usePipelines({}, SHOWN)
  if (query.isPending) return <Skeleton lines={SHOWN} height="h-8" />
  if (query.isError && !query.data) return <ErrorState error={query.error} title="The pipelines could not be loaded" onRetry={() => void query.refetch()} />
  return (
    <Table
      label="Latest pipelines"
      rows={listed(query.data).items}
      rowKey={(pipeline) => pipeline.id}
      href={(pipeline) => `/pipelines/${pipeline.id}`}
      columns={[
        {
          key: 'notebook',
          header: 'Notebook',
          className: 'max-w-0 w-full',
          cell: (pipeline) => (
            <>
              <span className="block truncate">{pipeline.notebook_path}</span>
              <span className="block truncate text-sm font-normal text-muted">
                <span className="sm:hidden">
                  <RelativeTime at={pipeline.created_at} /> ·{' '}
                </span>
                {pipeline.repo} · {pipeline.branch}
              </span>
            </>
          ),
        },
        {
          key: 'status',
          header: 'Status',
          cell: (pipeline) => (
            <span className="flex flex-col items-start gap-1">
              <StatusBadge status={pipeline.status} title={pipeline.reason ?? undefined} />
              <PhaseBar phases={pipeline.phases} />
            </span>
          ),
        },
        { key: 'duration', header: 'Duration', align: 'right', from: 'sm', className: 'whitespace-nowrap', cell: (pipeline) => <Duration from={pipeline.started_at} to={pipeline.finished_at} /> },
        { key: 'when', header: 'Pushed', align: 'right', from: 'sm', className: 'whitespace-nowrap', cell: (pipeline) => <RelativeTime at={pipeline.created_at} /> },
      ]}
    />
  )
}
