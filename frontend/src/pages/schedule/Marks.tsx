import { FIRING_STATUSES, type FiringStatus } from '../../api'
import { cx, Icon, type IconName, plural, statusLook, type Tone } from '../../ui'
import type { DaySummary } from './days'

const grounds: Record<Tone, string> = {
  success: 'bg-success-tint text-success',
  danger: 'bg-danger-tint text-danger',
  warning: 'bg-warning-tint text-warning',
  accent: 'bg-accent-tint text-accent',
  neutral: 'bg-neutral-tint text-neutral',
}

function Mark({ icon, count, className }: { icon: IconName; count?: number; className: string }) {
  return (
    <span className={cx('inline-flex items-center gap-px rounded-md border px-0.5 text-xs font-medium tabular-nums', className)}>
      <Icon name={icon} className="size-3" />
      {count !== undefined && count > 1 && count}
    </span>
  )
}

function ResultMark({ status, count }: { status: FiringStatus; count?: number }) {
  const { tone, icon } = statusLook(status)
  return <Mark icon={icon} count={count} className={cx('border-transparent', grounds[tone])} />
}

/** Hollow: there is no firing yet. */
function PlannedMark({ count }: { count?: number }) {
  return <Mark icon="schedules" count={count} className="border-dashed border-line-strong text-muted" />
}

/** How the day's firings went: a sign and a colour each, with how many there are of it. What `inWords` says, for the eye. */
export function Marks({ summary }: { summary: DaySummary }) {
  return (
    <span aria-hidden="true" className="flex flex-wrap gap-0.5">
      {FIRING_STATUSES.map((status) => {
        const count = summary.counts[status]
        return count !== undefined && <ResultMark key={status} status={status} count={count} />
      })}
      {summary.planned > 0 && <PlannedMark count={summary.planned} />}
    </span>
  )
}

/** `3 succeeded, 1 failed, 2 to come`. */
export function inWords(summary: DaySummary | undefined): string {
  const counts = FIRING_STATUSES.flatMap((status) => {
    const count = summary?.counts[status]
    return count === undefined ? [] : [`${count} ${statusLook(status).word.toLowerCase()}`]
  })
  if (summary && summary.planned > 0) counts.push(`${summary.planned} to come`)
  return counts.length === 0 ? 'no firing' : counts.join(', ')
}

/** What the marks mean. */
export function Legend({ planned }: { planned: number }) {
  return (
    <ul aria-label="What the marks mean" className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">
      {FIRING_STATUSES.map((status) => (
        <li key={status} className="flex items-center gap-1">
          <ResultMark status={status} />
          {statusLook(status).word}
        </li>
      ))}
      <li className="flex items-center gap-1">
        <PlannedMark />
        {planned > 0 ? `To come: the next ${plural(planned, 'firing')}` : 'To come'}
      </li>
    </ul>
  )
}
