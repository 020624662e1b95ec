import { useState } from 'react'
import { Link } from 'react-router'
import type { BatchPrediction } from '../../api'
import { BatchProgress } from '../../batch/BatchProgress'
import { type Seen, speedOf, timeLeft, withSeen } from '../../batch/progress'
import { tablePath } from '../../tables/name'
import { Facts, formatCount, formatDuration, formatNumber, Panel, plural } from '../../ui'

const NONE: readonly Seen[] = []

/** The rows done at each answer of late, while it runs; `at` is when the last one came. */
function useSeen(batch: BatchPrediction, at: number): readonly Seen[] {
  const [seen, setSeen] = useState(NONE)
  const next = batch.status === 'running' ? withSeen(seen, { at, rows: batch.rows_done }) : NONE
  // React draws again at once with what is set while drawing; the same answer again changes nothing.
  if (next !== seen) setSeen(next)
  return next
}

/** What becomes of rows that can't be scored, and how many there are. */
function Rejected({ batch }: { batch: BatchPrediction }) {
  const { rows_rejected, reject_table, status } = batch
  if (reject_table === null) return 'none are let through: the first row that can’t be scored stops it'
  if (rows_rejected === 0) return 'none'
  const written = status === 'succeeded'
  return (
    <span className="text-warning">
      {plural(rows_rejected, 'row')}
      {written ? ', with the reasons in ' : ', to be written with the reasons to '}
      {written ? (
        <Link to={tablePath(reject_table)} className="link">
          {reject_table}
        </Link>
      ) : (
        reject_table
      )}
    </span>
  )
}

/** How far it is, how fast it goes, and what was left out. */
export function Progress({ batch, at }: { batch: BatchPrediction; at: number }) {
  const seen = useSeen(batch, at)
  const speed = speedOf(seen, batch)
  const left = timeLeft(batch, speed)
  return (
    <Panel title="Progress">
      <div className="flex flex-col gap-3">
        <BatchProgress batch={batch} />
        <Facts
          rows={[
            ...(batch.status === 'running' ? [['Speed', speed === null ? 'not known yet' : `${formatNumber(Number(speed.toPrecision(3)))} rows a second`] as const] : []),
            ...(batch.status === 'running' ? [['Time left', left === null ? 'not known yet' : `about ${formatDuration(left, false)}`] as const] : []),
            ['Shards done', <span className="tabular-nums">{`${formatCount(batch.shards_done)} of ${formatCount(batch.shards)}`}</span>],
            ['Rejected', <Rejected batch={batch} />],
          ]}
        />
        {batch.status === 'queued' && <p className="text-muted">It waits until a worker has room for it.</p>}
        {batch.status === 'writing' && <p className="text-muted">All rows are scored. {batch.output_table} is being written, whole or not at all.</p>}
      </div>
    </Panel>
  )
}
