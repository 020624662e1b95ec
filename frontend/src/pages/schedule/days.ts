import type { Firing, FiringStatus } from '../../api'
import { dayIn } from '../../schedules/zone'

/** Days are texts, `2026-03-29`, of no zone: which day a moment belongs to is asked of a zone once. */
export type Day = string

const DAY = 86_400_000

const time = (day: Day) => Date.parse(`${day}T00:00:00Z`)
const dayAt = (at: number): Day => new Date(at).toISOString().slice(0, 10)

export function isDay(text: string | null): text is Day {
  return text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(time(text)) && dayAt(time(text)) === text
}

export function addDays(day: Day, days: number): Day {
  return dayAt(time(day) + days * DAY)
}

/** The same day some months later; the last one of a month that is too short for it. */
export function addMonths(day: Day, months: number): Day {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  const last = new Date(Date.UTC(year, month + months, 0)).getUTCDate()
  return dayAt(Date.UTC(year, month - 1 + months, Math.min(date, last)))
}

/** 0 is Monday. */
export function weekday(day: Day): number {
  return (new Date(time(day)).getUTCDay() + 6) % 7
}

export const WEEKDAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const

/** The weeks of the month that a day is in, from Monday on; null for the days of its neighbours. */
export function weeksOf(day: Day): (Day | null)[][] {
  const month = day.slice(0, 7)
  const first = `${month}-01`
  const begin = addDays(first, -weekday(first))
  const weeks: (Day | null)[][] = []
  for (let monday = begin; monday <= `${month}-31`; monday = addDays(monday, 7)) {
    const week = Array.from({ length: 7 }, (_, index) => addDays(monday, index))
    if (week.some((one) => one.startsWith(month))) weeks.push(week.map((one) => (one.startsWith(month) ? one : null)))
  }
  return weeks
}

const month = new Intl.DateTimeFormat('en', { timeZone: 'UTC', month: 'long', year: 'numeric' })
const whole = new Intl.DateTimeFormat('en', { timeZone: 'UTC', weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' })

/** `March 2026`. */
export function monthName(day: Day): string {
  return month.format(time(day))
}

/** `Sunday, March 29, 2026`. */
export function dayName(day: Day): string {
  return whole.format(time(day))
}

/** What there is on a day. */
export interface DaySummary {
  /** Past firings, by how they went. */
  counts: Partial<Record<FiringStatus, number>>
  /** How many are to come. */
  planned: number
}

/** Firings and those to come, by the days that a zone's calendar shows. */
export function byDay(firings: readonly Firing[], planned: readonly string[], zone: string): Map<Day, DaySummary> {
  const days = new Map<Day, DaySummary>()
  const on = (at: string) => {
    const day = dayIn(Date.parse(at), zone)
    const summary = days.get(day) ?? { counts: {}, planned: 0 }
    days.set(day, summary)
    return summary
  }
  for (const { scheduled_for, status } of firings) {
    const { counts } = on(scheduled_for)
    counts[status] = (counts[status] ?? 0) + 1
  }
  for (const at of planned) on(at).planned += 1
  return days
}

/** How much of a day's firings is loaded: those from the newest down to a moment are, or all if that is null. */
export function coverageOf(day: Day, loadedDownTo: string | null, zone: string): 'all' | 'some' | 'none' {
  if (loadedDownTo === null) return 'all'
  const oldest = dayIn(Date.parse(loadedDownTo), zone)
  if (day === oldest) return 'some'
  return day > oldest ? 'all' : 'none'
}
