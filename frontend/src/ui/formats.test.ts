import { describe, expect, it } from 'vitest'
import { ticks } from './charts/scale'
import { formatBytes, formatNumber, plural, shortSha } from './numbers'
import { formatDuration, formatRelative } from './time'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

describe('formatDuration', () => {
  it.each([
    [0, '0.0 s'],
    [-5, '0.0 s'],
    [449, '0.4 s'],
    [9_990, '9.9 s'],
    [10_000, '10 s'],
    [59_999, '59 s'],
    [MINUTE, '1 min 00 s'],
    [HOUR - 1, '59 min 59 s'],
    [2 * HOUR + 7 * MINUTE, '2 h 07 min'],
    [76 * HOUR, '3 d 4 h'],
  ])('%d ms is %s', (length, text) => expect(formatDuration(length)).toBe(text))

  it('has whole seconds where it ticks', () => expect(formatDuration(3_700, false)).toBe('3 s'))
})

describe('formatRelative', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  it.each([
    [2 * SECOND, 'now'],
    [40 * SECOND, '40 sec. ago'],
    [3.9 * MINUTE, '3 min. ago'],
    [5 * HOUR, '5 hr. ago'],
    [30 * HOUR, 'yesterday'],
    [40 * 24 * HOUR, 'Oct 12, 2026'],
  ])('%d ms before', (age, text) => expect(formatRelative(now - age, now)).toBe(text))
})

describe('numbers', () => {
  it('have five digits, and an exponent far from one', () => {
    expect([0.812345678, 12, 1_234_567, 0.00001234, null, Infinity, -0.5].map(formatNumber)).toEqual(['0.81235', '12', '1,234,567', '1.234e-5', '–', '∞', '-0.5'])
  })

  it('count things and bytes', () => {
    expect([plural(1, 'line'), plural(2_000, 'line')]).toEqual(['1 line', '2,000 lines'])
    expect([999, 1_000, 20_000_000, 999_999].map(formatBytes)).toEqual(['999 B', '1.0 kB', '20 MB', '1.0 MB'])
    expect(shortSha('sha256:0123456789abcdef')).toBe('0123456789ab')
  })

  it('have round steps on axes', () => {
    expect(ticks(0, 9, 3)).toEqual([0, 5, 10])
    expect(ticks(0.7, 0.93, 3)).toEqual([0.7, 0.8, 0.9, 1])
    expect(ticks(4, 4)).toEqual([4])
  })
})
