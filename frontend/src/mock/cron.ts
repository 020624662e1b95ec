import { dayIn, momentIn } from '../schedules/zone'

/** What a pattern allows; of the rarer signs (L, W, #) the mock knows none. */
export interface Pattern {
  minutes: ReadonlySet<number>
  hours: ReadonlySet<number>
  days: ReadonlySet<number>
  months: ReadonlySet<number>
  weekdays: ReadonlySet<number>
  /** Whether days of the month, or of the week, are named: if both are, either will do. */
  named: { days: boolean; weekdays: boolean }
}

const SHORT: Record<string, string> = { '@hourly': '0 * * * *', '@daily': '0 0 * * *', '@weekly': '0 0 * * 0', '@monthly': '0 0 1 * *', '@yearly': '0 0 1 1 *' }
const LIMITS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const

function readField(text: string, [low, high]: readonly [number, number]): Set<number> | null {
  const found = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part)
    if (!match) return null
    const step = Number(match[3] ?? 1)
    const first = Number(match[1] ?? low)
    const last = Number(match[2] ?? (match[1] === undefined || match[3] !== undefined ? high : first))
    if (step === 0 || first < low || last > high || first > last) return null
    for (let value = first; value <= last; value += step) found.add(value)
  }
  return found
}

export function readCron(text: string): Pattern | null {
  const fields = (SHORT[text.trim()] ?? text.trim()).split(/\s+/)
  if (fields.length !== 5) return null
  const read = fields.map((field, index) => readField(field, LIMITS[index] ?? [0, 0]))
  const [minutes, hours, days, months, weekdays] = read
  if (!minutes || !hours || !days || !months || !weekdays) return null
  // Sunday has two numbers.
  if (weekdays.has(7)) weekdays.add(0)
  return { minutes, hours, days, months, weekdays, named: { days: fields[2] !== '*', weekdays: fields[4] !== '*' } }
}

function isOn({ days, months, weekdays, named }: Pattern, date: Date): boolean {
  if (!months.has(date.getUTCMonth() + 1)) return false
  const [day, weekday] = [days.has(date.getUTCDate()), weekdays.has(date.getUTCDay())]
  return named.days && named.weekdays ? day || weekday : day && weekday
}

const two = (value: number) => String(value).padStart(2, '0')
const DAY = 86_400_000
/** Further than this nothing is looked for: some patterns never come. */
const FURTHEST = 3_000 * DAY

/** The moments of a pattern in [from, to), the earliest first, at most so many. */
export function momentsOf(pattern: Pattern, zone: string, from: number, to: number, limit: number): string[] {
  const found: string[] = []
  const end = Math.min(to, from + FURTHEST)
  for (let day = Date.parse(dayIn(from, zone)); day < end + DAY && found.length < limit; day += DAY) {
    const date = new Date(day)
    if (!isOn(pattern, date)) continue
    for (const hour of pattern.hours) {
      for (const minute of pattern.minutes) {
        const at = momentIn(`${date.toISOString().slice(0, 10)}T${two(hour)}:${two(minute)}`, zone) ?? 0
        if (at >= from && at < end && found.length < limit) found.push(new Date(at).toISOString())
      }
    }
  }
  return found
}

const NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** What the usual patterns say, in English. */
export function describeCron(text: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = (SHORT[text.trim()] ?? text.trim()).split(/\s+/)
  const step = /^\*\/(\d+)$/.exec(minute)
  const time = step ? `Every ${step[1]} minutes` : hour === '*' ? (minute === '0' ? 'Every hour' : `At ${Number(minute)} minutes past every hour`) : `At ${two(Number(hour))}:${two(Number(minute))}`
  const [first, last] = weekday.split('-').map((one) => NAMES[Number(one) % 7])
  const days = [day === '*' ? '' : `, on day ${day} of the month`, month === '*' ? '' : `, in month ${month}`, weekday === '*' ? '' : last ? `, ${first} to ${last}` : `, only on ${first}`]
  return `${time}${days.join('')}.`
}
