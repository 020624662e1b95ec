import { isActive, type PipelineRecord } from '../../api'
import { Badge, Duration, PhaseBar, RelativeTime, StatusBadge, shortSha, type TableColumn } from '../../ui'

/** The columns of a list of pipelines. */
export const pipelineColumns: readonly TableColumn<PipelineRecord>[] = [
  {
    key: 'notebook',
    header: 'Notebook',
    className: 'w-full max-w-0 truncate',
    cell: (pipeline) => (
      <>
        {pipeline.notebook_path.split('/').at(-1)}
        <span className="block truncate text-sm font-normal text-muted">
          <RelativeTime at={pipeline.created_at} className="sm:hidden" />
          <span className="sm:hidden"> · </span>
          {pipeline.repo} · {pipeline.branch} · <code className="font-mono text-xs">{shortSha(pipeline.commit_sha)}</code>
        </span>
      </>
    ),
  },
  {
    key: 'status',
    header: 'Status',
    cell: (pipeline) => (
      <span className="flex flex-wrap gap-1 md:flex-nowrap">
        <StatusBadge status={pipeline.status} title={pipeline.reason ?? undefined} />
        {pipeline.deployed && <Badge tone="success">Deployed</Badge>}
      </span>
    ),
  },
  { key: 'phases', header: 'Phases', from: 'md', cell: (pipeline) => <PhaseBar phases={pipeline.phases} /> },
  {
    key: 'model',
    header: 'Model',
    from: 'lg',
    className: 'whitespace-nowrap',
    cell: (pipeline) => (pipeline.model_name ? `${pipeline.model_name}${pipeline.registry_version === null ? '' : ` v${pipeline.registry_version}`}` : '–'),
  },
  {
    key: 'duration',
    header: 'Duration',
    from: 'sm',
    align: 'right',
    className: 'whitespace-nowrap',
    cell: (pipeline) => <Duration from={pipeline.started_at} to={pipeline.finished_at} ticking={isActive(pipeline.status)} />,
  },
  { key: 'created', header: 'Pushed', from: 'sm', align: 'right', className: 'whitespace-nowrap', cell: (pipeline) => <RelativeTime at={pipeline.created_at} /> },
]
