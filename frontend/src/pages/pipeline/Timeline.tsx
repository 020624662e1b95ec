import { PHASES, type PhaseName, type PhaseRecord, type PhaseStatus, type PipelineDetail } from '../../api'
import { cx, Duration, formatClock, Icon, type IconName, statusWord } from '../../ui'

const marks: Record<PhaseStatus, { icon: IconName; className: string }> = {
  pending: { icon: 'clock', className: 'text-faint' },
  running: { icon: 'run', className: 'text-accent' },
  succeeded: { icon: 'check', className: 'text-success' },
  failed: { icon: 'cross', className: 'text-danger' },
  skipped: { icon: 'skip', className: 'text-faint' },
}

/** An error of so many characters may be scrolled, so that the notebook stays in sight; keys reach it then. */
const LONG = 400

function Phase({ name, phase }: { name: PhaseName; phase: PhaseRecord | undefined }) {
  const status = phase?.status ?? 'pending'
  const { icon, className } = marks[status]
  return (
    <li
      className={cx(
        'min-w-0 flex-1 basis-36 border-t-2 pt-1.5',
        status === 'running' ? 'border-accent' : status === 'succeeded' ? 'border-success' : status === 'failed' ? 'border-danger' : 'border-line',
      )}
    >
      <div className="flex items-center gap-1.5">
        <Icon name={icon} className={cx('size-4', className, status === 'running' && 'spin')} />
        <span className="font-medium">{name}</span>
        {(phase?.attempt ?? 0) > 1 && <span className="text-xs text-warning">attempt {phase?.attempt}</span>}
      </div>
      <div className="text-sm text-muted">
        {statusWord(status)}
        {phase?.started_at && (
          <>
            {', '}
            <Duration from={phase.started_at} to={phase.finished_at} ticking={status === 'running'} />
            <span className="text-faint">{` from ${formatClock(Date.parse(phase.started_at)).slice(0, 8)}`}</span>
          </>
        )}
      </div>
    </li>
  )
}

/** The five phases with their times; errors in full below. */
export function Timeline({ pipeline }: { pipeline: PipelineDetail }) {
  const byName = new Map(pipeline.phases.map((phase) => [phase.name, phase]))
  const errors = pipeline.phases.filter((phase) => phase.error !== null)
  const known = errors.some((phase) => phase.error === pipeline.reason)
  return (
    <section aria-label="Phases" className="flex flex-col gap-3">
      <ol className="flex flex-wrap gap-x-3 gap-y-2">
        {PHASES.map((name) => (
          <Phase key={name} name={name} phase={byName.get(name)} />
        ))}
      </ol>
      {errors.map((phase) => (
        <div
          key={phase.name}
          role="note"
          tabIndex={(phase.error?.length ?? 0) > LONG ? 0 : undefined}
          className={cx('max-h-60 overflow-y-auto rounded-md border p-2', phase.status === 'failed' ? 'border-danger bg-danger-tint' : 'border-line bg-surface')}
        >
          <span className="font-medium">{phase.status === 'failed' ? `${phase.name} failed: ` : `${phase.name}, an earlier attempt: `}</span>
          <span className="whitespace-pre-wrap wrap-anywhere">{phase.error}</span>
        </div>
      ))}
      {pipeline.reason && !known && <p className="wrap-anywhere">{pipeline.reason}</p>}
    </section>
  )
}
