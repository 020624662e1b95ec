import { useNow } from '../ui/clock'
import { cx } from '../ui/cx'
import { formatExact, formatRelative } from '../ui/time'
import { formatIn, offsetIn } from './zone'

interface FiringMomentProps {
  at: string
  zone: string
  className?: string
}

/** `Sun, Mar 29, 2026, 03:30 UTC+02:00`: as the clocks of the schedule's zone show it, and as this browser's do on hover. */
export function FiringMoment({ at, zone, className }: FiringMomentProps) {
  const time = Date.parse(at)
  return (
    <time dateTime={at} title={`Here: ${formatExact(time)}`} className={cx('tabular-nums', className)}>
      {formatIn(time, zone)} <span className="text-sm whitespace-nowrap text-faint">{offsetIn(time, zone)}</span>
    </time>
  )
}

const DAY = 86_400_000

/** `in 3 hr.`; what should have come by now is due. The moment itself stands beside it, so that it is never repeated here. */
export function formatComing(time: number, now: number): string {
  if (time <= now) return 'due'
  const days = Math.floor((time - now) / DAY)
  return days < 30 ? formatRelative(time, now) : `in ${days} days`
}

export function ComingTime({ at }: { at: string }) {
  const now = useNow('slow')
  return <>{formatComing(Date.parse(at), now)}</>
}
