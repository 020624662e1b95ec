import { useNow } from './clock'
import { formatDuration, formatExact, formatRelative } from './time'

/** `3 min. ago`, with the exact time on hover. */
export function RelativeTime({ at, className }: { at: string | null; className?: string }) {
  const now = useNow('slow')
  if (at === null) return <span className={className}>–</span>
  const time = Date.parse(at)
  return (
    <time dateTime={at} title={formatExact(time)} className={className}>
      {formatRelative(Math.min(time, now + 1), now)}
    </time>
  )
}

interface DurationProps {
  from: string | null
  /** `null` while it goes on: the duration ticks then, unless `ticking` is false. */
  to: string | null
  ticking?: boolean
  className?: string
}

export function Duration({ from, to, ticking = true, className }: DurationProps) {
  const live = from !== null && to === null && ticking
  const now = useNow(live ? 'second' : 'still')
  const classes = `tabular-nums ${className ?? ''}`
  if (from === null || (to === null && !live)) return <span className={classes}>–</span>
  const end = to === null ? now : Date.parse(to)
  return <span className={classes}>{formatDuration(end - Date.parse(from), !live)}</span>
}
