import { cx } from './cx'
import type { Tone } from './StatusBadge'

const fills: Record<Tone, string> = { success: 'bg-success', danger: 'bg-danger', warning: 'bg-warning', accent: 'bg-accent', neutral: 'bg-line-strong' }

interface ProgressBarProps {
  label: string
  /** How much is done, from 0 to 1; null: not known. */
  share: number | null
  /** The same in words: `12 of 40 rows`. */
  text: string
  tone?: Tone
  className?: string
}

/** How far something is. */
export function ProgressBar({ label, share, text, tone = 'accent', className }: ProgressBarProps) {
  // What is not done yet never looks so.
  const percent = share === null ? null : share >= 1 ? 100 : Math.min(99, Math.floor(Math.max(0, share) * 100))
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent ?? undefined}
      aria-valuetext={text}
      title={text}
      className={cx('h-2 overflow-hidden rounded-full bg-raised', className)}
    >
      {percent !== null && <div className={cx('h-full', fills[tone])} style={{ width: `${percent}%` }} />}
    </div>
  )
}
