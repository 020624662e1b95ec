/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`. Without tenths for what ticks: they would stand still. */
export function formatDuration(milliseconds: number, tenths = true): string {
  const seconds = Math.max(0, milliseconds) / 1_000
  if (tenths && seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`
  const whole = Math.floor(seconds)
  if (whole < 60) return `${whole} s`
  const pad = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${pad(whole % 60)} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${pad(minutes % 60)} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })

/** `now`, `2 min. ago`, `yesterday`; a date from a month on. */
export function formatRelative(at: number, now: number): string {
  const seconds = (at - now) / 1_000
  const distance = Math.abs(seconds)
  if (distance < 5) return 'now'
  if (distance < 60) return relative.format(Math.trunc(seconds), 'second')
  if (distance < 3_600) return relative.format(Math.trunc(seconds / 60), 'minute')
  if (distance < 86_400) return relative.format(Math.trunc(seconds / 3_600), 'hour')
  if (distance < 30 * 86_400) return relative.format(Math.trunc(seconds / 86_400), 'day')
  return new Date(at).toLocaleDateString('en', { year: 'numeric', month: 'short', day: 'numeric' })
}

/** Date and time to the second, with the zone. */
export function formatExact(at: number): string {
  return new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'long' })
}

/** `13:05:09.120`, in local time. */
export function formatClock(at: number): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`
}
