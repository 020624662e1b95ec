import { Link } from 'react-router'
import { listed, type Overview, type PipelineRecord, usePipelines } from '../../api'
import { Duration, ErrorState, formatCount, PhaseBar, Skeleton, StatusBadge } from '../../ui'

const SHOWN = 8

function Row({ pipeline }: { pipeline: PipelineRecord }) {
  const phase = pipeline.phases.find((one) => one.status === 'running')
  return (
    <li className="relative flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-2 last:border-0 has-[a:hover]:bg-raised">
      <StatusBadge status={pipeline.status} />
      <Link to={`/pipelines/${pipeline.id}`} className="min-w-0 flex-1 basis-40 font-medium wrap-anywhere after:absolute after:inset-0">
        {pipeline.notebook_path}
      </Link>
      <span className="text-muted wrap-anywhere max-sm:basis-full">
        {pipeline.repo} · {pipeline.branch}
      </span>
      <span className="flex items-center gap-2">
        <PhaseBar phases={pipeline.phases} />
        <span className="min-w-16 text-muted">{phase?.name ?? 'waiting'}</span>
      </span>
      <Duration from={pipeline.started_at ?? pipeline.created_at} to={null} className="min-w-16 text-right" />
    </li>
  )
}

/** What is under way: those that run before those that wait. */
export function Running({ counts }: { counts: Overview['pipelines']['all'] }) {
  const running = usePipelines({ status: 'running' }, SHOWN)
  const runs = listed(running.data).items.filter((one) => one.status === 'running')
  // Asked for only where there is room for them.
  const queued = usePipelines({ status: 'queued' }, SHOWN, counts.queued > 0 && running.isSuccess && runs.length < SHOWN)
  const waits = counts.queued > 0 ? listed(queued.data).items : []
  if (counts.running + counts.queued === 0 && runs.length === 0) return <p className="p-3 text-muted">Nothing is running. A push starts a pipeline.</p>
  if (running.isPending) return <Skeleton lines={2} className="p-3" />
  if (running.isError && !running.data) {
    return <ErrorState error={running.error} title="The running pipelines could not be loaded" onRetry={() => void running.refetch()} />
  }
  const shown = [...runs, ...waits].slice(0, SHOWN)
  const shownRuns = Math.min(runs.length, SHOWN)
  const more = { running: counts.running - shownRuns, queued: counts.queued - (shown.length - shownRuns) }
  return (
    <>
      <ul>
        {shown.map((pipeline) => (
          <Row key={pipeline.id} pipeline={pipeline} />
        ))}
      </ul>
      {(more.running > 0 || more.queued > 0) && (
        <p className="flex flex-wrap gap-x-4 px-3 py-2">
          {(['running', 'queued'] as const).map(
            (status) =>
              more[status] > 0 && (
                <Link key={status} to={`/pipelines?status=${status}`} className="link">
                  {formatCount(more[status])} more {status}
                </Link>
              ),
          )}
        </p>
      )}
    </>
  )
}
