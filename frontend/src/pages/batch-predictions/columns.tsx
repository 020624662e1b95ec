import type { BatchPrediction } from '../../api'
import { BatchProgress } from '../../batch/BatchProgress'
import { rowsText } from '../../batch/progress'
import { Duration, formatCount, RelativeTime, StatusBadge, type TableColumn } from '../../ui'

/** The columns of a list of batch predictions. */
export const batchColumns: readonly TableColumn<BatchPrediction>[] = [
  {
    key: 'what',
    header: 'Batch prediction',
    className: 'w-full max-w-0 truncate',
    cell: (batch) => (
      <>
        {batch.model_name} v{batch.version}
        <span className="block truncate text-sm font-normal text-muted" title={`${batch.input_table} → ${batch.output_table}`}>
          {batch.input_table} → {batch.output_table}
        </span>
        <span className="block truncate text-sm font-normal text-muted tabular-nums sm:hidden">
          {rowsText(batch)} · <RelativeTime at={batch.created_at} />
        </span>
      </>
    ),
  },
  { key: 'status', header: 'Status', cell: (batch) => <StatusBadge status={batch.status} title={batch.error ?? undefined} /> },
  { key: 'environment', header: 'Environment', from: 'lg', cell: (batch) => batch.environment },
  { key: 'progress', header: 'Progress', from: 'sm', className: 'whitespace-nowrap', cell: (batch) => <BatchProgress batch={batch} className="min-w-28" /> },
  {
    key: 'rejected',
    header: 'Rejected',
    from: 'md',
    align: 'right',
    cell: (batch) => (batch.rows_rejected === 0 ? <span className="text-faint">0</span> : <span className="text-warning">{formatCount(batch.rows_rejected)}</span>),
  },
  {
    key: 'who',
    header: 'By',
    from: 'xl',
    className: 'max-w-28 truncate',
    cell: (batch) => (batch.created_by !== null ? <span title={batch.created_by}>{batch.created_by}</span> : <span className="text-faint">–</span>),
  },
  { key: 'when', header: 'Created', from: 'sm', align: 'right', className: 'whitespace-nowrap', cell: (batch) => <RelativeTime at={batch.created_at} /> },
  { key: 'duration', header: 'Duration', from: 'md', align: 'right', className: 'whitespace-nowrap', cell: (batch) => <Duration from={batch.started_at} to={batch.finished_at} /> },
]
