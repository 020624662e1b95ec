import type { BatchPrediction } from '../../api'
import { Duration, RelativeTime, StatusBadge } from '../../ui'

/** The facts of a batch prediction in one line. */
export function HeaderFacts({ batch }: { batch: BatchPrediction }) {
  const { status, environment, started_at, finished_at, created_at, created_by } = batch
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
      <StatusBadge status={status} />
      <span>{environment}</span>
      {started_at !== null && (
        <span>
          <span className="text-faint">took </span>
          <Duration from={started_at} to={finished_at} />
        </span>
      )}
      <span>
        <span className="text-faint">created </span>
        <RelativeTime at={created_at} />
        {created_by !== null && ` by ${created_by}`}
      </span>
    </div>
  )
}
