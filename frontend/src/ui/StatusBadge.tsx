import type { BatchStatus, FiringStatus, PhaseStatus, PipelineStatus } from '../api/types'
import { cx } from './cx'
import { Icon, type IconName } from './Icon'

export type Tone = 'success' | 'danger' | 'warning' | 'accent' | 'neutral'

const tones: Record<Tone, string> = {
  success: 'bg-success-tint text-success',
  danger: 'bg-danger-tint text-danger',
  warning: 'bg-warning-tint text-warning',
  accent: 'bg-accent-tint text-accent',
  neutral: 'bg-neutral-tint text-neutral',
}

interface BadgeProps {
  tone: Tone
  icon?: IconName
  iconClass?: string
  children: string
  title?: string | undefined
}

/** A word on a tinted ground; the icon and the word say what the colour says. */
export function Badge({ tone, icon, iconClass, children, title }: BadgeProps) {
  return (
    <span title={title} className={cx('inline-flex items-center gap-1 rounded-md px-1.5 py-px text-xs font-medium whitespace-nowrap', tones[tone])}>
      {icon && <Icon name={icon} className={cx('size-3.5', iconClass)} />}
      {children}
    </span>
  )
}

type Status = PipelineStatus | PhaseStatus | BatchStatus | FiringStatus

const statuses: Record<Status, { tone: Tone; icon: IconName; word: string }> = {
  queued: { tone: 'neutral', icon: 'clock', word: 'Queued' },
  waiting: { tone: 'neutral', icon: 'clock', word: 'Waiting' },
  pending: { tone: 'neutral', icon: 'clock', word: 'Pending' },
  running: { tone: 'accent', icon: 'run', word: 'Running' },
  writing: { tone: 'accent', icon: 'run', word: 'Writing' },
  succeeded: { tone: 'success', icon: 'check', word: 'Succeeded' },
  failed: { tone: 'danger', icon: 'cross', word: 'Failed' },
  cancelled: { tone: 'warning', icon: 'stop', word: 'Cancelled' },
  skipped: { tone: 'neutral', icon: 'skip', word: 'Skipped' },
}

/** How a status looks and what it is called, for what draws it by itself. */
export function statusLook(status: Status): { tone: Tone; icon: IconName; word: string } {
  return statuses[status]
}

export function statusWord(status: Status): string {
  return statuses[status].word
}

export function StatusBadge({ status, title }: { status: Status; title?: string | undefined }) {
  const { tone, icon, word } = statuses[status]
  return (
    <Badge tone={tone} icon={icon} iconClass={icon === 'run' ? 'spin' : ''} title={title}>
      {word}
    </Badge>
  )
}
