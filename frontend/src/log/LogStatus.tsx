import { useNow } from '../ui/clock'
import { cx } from '../ui/cx'
import type { LogState } from './socket'

const words: Record<LogState['kind'], string> = {
  loading: 'loading',
  connecting: 'connecting',
  live: 'live',
  reconnecting: 'reconnecting',
  polling: 'polling',
  ended: 'ended',
}

/** How the log is kept up to date, in a word. */
export function stateText(state: LogState, now: number): string {
  if (state.kind !== 'reconnecting') return words[state.kind]
  const seconds = Math.ceil((state.at - now) / 1_000)
  return seconds > 0 ? `reconnecting in ${seconds} s` : 'reconnecting'
}

export function LogStatus({ state }: { state: LogState }) {
  const now = useNow(state.kind === 'reconnecting' ? 'second' : 'still')
  const tone = state.kind === 'live' ? 'bg-success pulse' : state.kind === 'reconnecting' || state.kind === 'polling' ? 'bg-warning' : 'bg-line-strong'
  return (
    <span className="flex items-center gap-1.5 text-xs whitespace-nowrap text-muted" title="How the log is kept up to date">
      <span aria-hidden="true" className={cx('size-2 rounded-full', tone)} />
      <span aria-live="polite" className="sr-only">{`Log ${words[state.kind]}`}</span>
      <span aria-hidden="true">{stateText(state, now)}</span>
    </span>
  )
}
