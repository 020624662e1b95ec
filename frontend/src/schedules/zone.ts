/** Times as clocks show them elsewhere. Browsers know the zones' rules; nothing here has a table of its own. */

const MINUTE = 60_000

interface Clock {
  parts: Intl.DateTimeFormat
  text: Intl.DateTimeFormat
}

const clocks = new Map<string, Clock>()

/** The clock of a zone. Of one that this browser does not know, UTC's: its offset beside each time says so. */
function clockOf(zone: string): Clock {
  const known = clocks.get(zone)
  if (known) return known
  const made = makeClock(zone) ?? clockOf('UTC')
  clocks.set(zone, made)
  return made
}

function makeClock(timeZone: string): Clock | null {
  try {
    const digits = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    return {
      parts: new Intl.DateTimeFormat('en', { timeZone, calendar: 'gregory', year: 'numeric', month: '2-digit', day: '2-digit', second: '2-digit', ...digits }),
      text: new Intl.DateTimeFormat('en', { timeZone, weekday: 'short', year: 'numeric', month: 'short', day: 'numeric', ...digits }),
    }
  } catch {
    return null
  }
}

/** What a zone's clock shows, as if it were UTC's. */
function wallOf(at: number, zone: string): number {
  const found = Object.fromEntries(
    clockOf(zone)
      .parts.formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const number = (type: string) => Number(found[type])
  return Date.UTC(number('year'), number('month') - 1, number('day'), number('hour'), number('minute'), number('second'))
}

/** How many minutes a zone's clock is before UTC's. */
export function minutesAhead(at: number, zone: string): number {
  return Math.round((wallOf(at, zone) - Math.floor(at / 1_000) * 1_000) / MINUTE)
}

/** The day that a zone's calendar shows: `2026-03-29`. */
export function dayIn(at: number, zone: string): string {
  return new Date(wallOf(at, zone)).toISOString().slice(0, 10)
}

/** `Sun, Mar 29, 2026, 03:30`. */
export function formatIn(at: number, zone: string): string {
  return clockOf(zone).text.format(at)
}

/** `UTC+02:00`; `UTC` where the clock is UTC’s. */
export function offsetIn(at: number, zone: string): string {
  const minutes = minutesAhead(at, zone)
  if (minutes === 0) return 'UTC'
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`
}

/**
 * The moment at which a zone's clock shows a time, `2026-03-29T02:30`; null if the text is none. Where clocks are put back it shows it
 * twice: the first of them. Where they are put forward it never does: the moment that it would have been, on the old clock.
 */
export function momentIn(wall: string, zone: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(wall)) return null
  const shown = Date.parse(`${wall}Z`)
  if (Number.isNaN(shown)) return null
  // A day before and a day after stand on both sides of any change.
  const [before, after] = [-1, 1].map((days) => minutesAhead(shown + days * 1_440 * MINUTE, zone))
  const candidates = [before ?? 0, after ?? 0].map((minutes) => shown - minutes * MINUTE)
  const right = candidates.filter((one) => wallOf(one, zone) === shown)
  return right.length > 0 ? Math.min(...right) : (candidates[0] ?? null)
}

/** What `momentIn` reads: `2026-03-29T03:30`. */
export function wallIn(at: number, zone: string): string {
  return new Date(wallOf(at, zone)).toISOString().slice(0, 16)
}

/** The zone of this browser. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}

/** Every zone that this browser knows, UTC first, and those that are given. */
export function timeZones(...also: readonly string[]): string[] {
  const known = new Set([...Intl.supportedValuesOf('timeZone'), ...also])
  known.delete('UTC')
  return ['UTC', ...[...known].sort((one, other) => one.localeCompare(other))]
}
