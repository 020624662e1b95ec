import { PHASES, type PhaseRecord, type PhaseStatus } from '../api/types'
import { cx } from './cx'
import { statusWord } from './StatusBadge'

const fills: Record<PhaseStatus, string> = {
  pending: 'bg-transparent border-line-strong',
  running: 'bg-accent border-accent pulse',
  succeeded: 'bg-success border-success',
  failed: 'bg-danger border-danger',
  skipped: 'bg-transparent border-line-strong border-dashed',
}

/** In words what the five segments show: `download succeeded, validate failed, …`. */
export function phaseSummary(phases: readonly PhaseRecord[]): string {
  return phases.map((phase) => `${phase.name} ${statusWord(phase.status).toLowerCase()}`).join(', ')
}

/** Five segments, one a phase. A failed one is taller, so that it shows without its colour. */
export function PhaseBar({ phases, className }: { phases: readonly PhaseRecord[]; className?: string }) {
  const byName = new Map(phases.map((phase) => [phase.name, phase]))
  const summary = phaseSummary(phases)
  return (
    <span role="img" aria-label={`Phases: ${summary}`} title={summary} className={cx('inline-flex h-3 items-center gap-0.5', className)}>
      {PHASES.map((name) => {
        const status = byName.get(name)?.status ?? 'pending'
        return <span key={name} className={cx('w-4 rounded-sm border', status === 'failed' ? 'h-3' : 'h-2', fills[status])} />
      })}
    </span>
  )
}
