import { describe, expect, it } from 'vitest'
import { dayIn, formatIn, minutesAhead, momentIn, offsetIn, timeZones, wallIn } from './zone'

const at = Date.parse

describe('a moment on the clock of a zone', () => {
  it.each([
    ['2026-03-29T00:30:00Z', 'Europe/Berlin', 'Sun, Mar 29, 2026, 01:30', 'UTC+01:00'],
    ['2026-03-29T01:30:00Z', 'Europe/Berlin', 'Sun, Mar 29, 2026, 03:30', 'UTC+02:00'],
    ['2026-03-28T23:59:00Z', 'UTC', 'Sat, Mar 28, 2026, 23:59', 'UTC'],
    ['2026-11-01T05:30:00Z', 'America/New_York', 'Sun, Nov 1, 2026, 01:30', 'UTC−04:00'],
    ['2026-11-01T06:30:00Z', 'America/New_York', 'Sun, Nov 1, 2026, 01:30', 'UTC−05:00'],
    ['2026-01-01T00:00:00Z', 'Asia/Kathmandu', 'Thu, Jan 1, 2026, 05:45', 'UTC+05:45'],
    ['2026-01-01T00:00:00Z', 'Europe/London', 'Thu, Jan 1, 2026, 00:00', 'UTC'],
  ])('%s in %s', (moment, zone, text, offset) => expect([formatIn(at(moment), zone), offsetIn(at(moment), zone)]).toEqual([text, offset]))

  it('belongs to the day of that zone', () => {
    const moment = at('2026-03-29T22:30:00Z')
    expect(['UTC', 'Europe/Berlin', 'Pacific/Kiritimati', 'Pacific/Honolulu'].map((zone) => dayIn(moment, zone))).toEqual(['2026-03-29', '2026-03-30', '2026-03-30', '2026-03-29'])
  })

  it('is shown in UTC where the zone is not known here', () => expect([formatIn(at('2026-06-01T10:00:00Z'), 'Mars/Olympus'), offsetIn(0, 'Mars/Olympus')]).toEqual(['Mon, Jun 1, 2026, 10:00', 'UTC']))

  it('keeps seconds and their fractions out of the offset', () => expect(minutesAhead(at('2026-06-01T10:00:59.999Z'), 'Australia/Adelaide')).toBe(570))
})

describe('a time that somebody types', () => {
  it.each([
    ['2026-03-29T01:30', 'Europe/Berlin', '2026-03-29T00:30:00.000Z'],
    ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
    // Clocks go from 02:00 to 03:00: it would have been an hour and a half after 01:00.
    ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
    // Clocks go from 03:00 back to 02:00: the first of the two.
    ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
    ['2026-11-01T00:00', 'America/New_York', '2026-11-01T04:00:00.000Z'],
    ['2026-04-05T01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00.000Z'],
    ['2026-12-01T00:00', 'UTC', '2026-12-01T00:00:00.000Z'],
  ])('%s in %s is %s', (wall, zone, moment) => expect(new Date(momentIn(wall, zone) ?? NaN).toISOString()).toBe(moment))

  it('comes back as it was typed', () => {
    for (const wall of ['2026-03-29T03:00', '2026-10-25T02:30', '2026-07-01T23:59']) expect(wallIn(momentIn(wall, 'Europe/Berlin') ?? NaN, 'Europe/Berlin')).toBe(wall)
  })

  it.each(['', '2026-03-29', '2026-13-01T00:00', 'soon'])('“%s” is none', (wall) => expect(momentIn(wall, 'UTC')).toBeNull())
})

it('offers every zone once, UTC first', () => {
  const zones = timeZones('UTC', 'Etc/Odd', 'Europe/Berlin')
  expect(zones[0]).toBe('UTC')
  expect(new Set(zones).size).toBe(zones.length)
  expect(zones).toEqual(expect.arrayContaining(['Europe/Berlin', 'Etc/Odd', 'America/New_York']))
})
