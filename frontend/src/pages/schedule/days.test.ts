import { describe, expect, it } from 'vitest'
import type { Firing, FiringStatus } from '../../api'
import { addDays, addMonths, byDay, coverageOf, dayName, isDay, monthName, weekday, weeksOf } from './days'

const firing = (scheduled_for: string, status: FiringStatus = 'succeeded'): Firing => ({
  id: scheduled_for,
  schedule_id: 'one',
  scheduled_for,
  cause: 'cron',
  status,
  reason: null,
  batch_id: null,
  pipeline_id: null,
  created_at: scheduled_for,
  started_at: scheduled_for,
  finished_at: scheduled_for,
})

/** Every hour from a moment on. */
const hourly = (from: string, count: number) => Array.from({ length: count }, (_, hour) => new Date(Date.parse(from) + hour * 3_600_000).toISOString())
const sizes = (moments: readonly string[], zone: string) =>
  [
    ...byDay(
      moments.map((at) => firing(at)),
      [],
      zone,
    ),
  ].map(([day, { counts }]) => [day, counts.succeeded])

describe('firings by the day of a zone', () => {
  it('have 23 hours where clocks go forward', () => {
    expect(sizes(hourly('2026-03-28T23:00:00Z', 47), 'Europe/Berlin')).toEqual([
      ['2026-03-29', 23],
      ['2026-03-30', 24],
    ])
  })

  it('have 25 hours where clocks go back', () => {
    expect(sizes(hourly('2026-10-24T22:00:00Z', 49), 'Europe/Berlin')).toEqual([
      ['2026-10-25', 25],
      ['2026-10-26', 24],
    ])
  })

  it('have a nightly one on every day, on both sides of the change', () => {
    // 00:30 in Berlin is before midnight in UTC: an hour earlier from the 29th on.
    const nightly = ['2026-03-27T23:30:00Z', '2026-03-28T23:30:00Z', '2026-03-29T22:30:00Z', '2026-03-30T22:30:00Z']
    expect([
      ...byDay(
        nightly.map((at) => firing(at)),
        [],
        'Europe/Berlin',
      ).keys(),
    ]).toEqual(['2026-03-28', '2026-03-29', '2026-03-30', '2026-03-31'])
    expect([
      ...byDay(
        nightly.map((at) => firing(at)),
        [],
        'UTC',
      ).keys(),
    ]).toEqual(['2026-03-27', '2026-03-28', '2026-03-29', '2026-03-30'])
  })

  it('are counted by how they went, beside those to come', () => {
    const days = byDay([firing('2026-12-01T01:00:00Z'), firing('2026-12-01T02:00:00Z', 'failed'), firing('2026-12-01T03:00:00Z', 'failed')], ['2026-12-01T23:00:00Z', '2026-12-02T00:00:00Z'], 'UTC')
    expect(Object.fromEntries(days)).toEqual({
      '2026-12-01': { counts: { succeeded: 1, failed: 2 }, planned: 1 },
      '2026-12-02': { counts: {}, planned: 1 },
    })
  })

  it('are all loaded, some, or none, down to the oldest that is loaded', () => {
    const down = '2026-03-29T22:30:00Z'
    expect(['2026-03-29', '2026-03-30', '2026-03-31'].map((day) => coverageOf(day, down, 'Europe/Berlin'))).toEqual(['none', 'some', 'all'])
    expect(coverageOf('1999-01-01', null, 'UTC')).toBe('all')
  })
})

describe('a calendar', () => {
  it('begins its weeks on Monday, and has each day of the month once', () => {
    expect(weekday('2026-03-30')).toBe(0)
    const weeks = weeksOf('2026-03-15')
    expect(weeks[0]).toEqual([null, null, null, null, null, null, '2026-03-01'])
    expect(weeks.at(-1)).toEqual(['2026-03-30', '2026-03-31', null, null, null, null, null])
    expect(weeks.flat().filter(Boolean)).toHaveLength(31)
    expect([weeksOf('2027-02-10').length, weeksOf('2028-02-29').flat().filter(Boolean).length]).toEqual([4, 29])
  })

  it('counts days and months across their ends', () => {
    expect([addDays('2026-12-31', 1), addDays('2026-03-01', -1)]).toEqual(['2027-01-01', '2026-02-28'])
    expect([addMonths('2026-01-31', 1), addMonths('2026-01-31', -2), addMonths('2028-02-29', 12), addMonths('2026-12-15', 1)]).toEqual(['2026-02-28', '2025-11-30', '2029-02-28', '2027-01-15'])
  })

  it('names days and months, and knows what is one', () => {
    expect([dayName('2026-03-29'), monthName('2026-03-29')]).toEqual(['Sunday, March 29, 2026', 'March 2026'])
    expect(['2026-02-28', '2026-02-29', '2026-2-1', 'today', null].map(isDay)).toEqual([true, false, false, false, false])
  })
})
