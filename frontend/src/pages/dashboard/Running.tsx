import { Link } from 'react-router'
import type { PipelineRecord } from '../../api'
import { Duration, PhaseBar, plural, StatusBadge } from '../../ui'

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

/** What is under way; those that run before those that wait. */
export function Running({ pipelines }: { pipelines: readonly PipelineRecord[] }) {
  const ordered = [...pipelines.filter((one) => one.status === 'running'), ...pipelines.filter((one) => one.status === 'queued')]
  if (ordered.length === 0) return <p className="p-3 text-muted">Nothing runs now. A push starts a pipeline.</p>
  const hidden = ordered.length - SHOWN
  return (
    <>
      <ul>
        {ordered.slice(0, SHOWN).map((pipeline) => (
          <Row key={pipeline.id} pipeline={pipeline} />
        ))}
      </ul>
      {hidden > 0 && (
        <Link to="/pipelines?status=queued" className="link block px-3 py-2">
          {plural(hidden, 'more', 'more')}
        </Link>
      )}
    </>
  )
}
