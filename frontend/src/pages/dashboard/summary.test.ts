import { describe, expect, it } from 'vitest'
import type { DayStatistics } from '../../api'
import { dayName, formatShare, summarise } from './summary'

const day = (change: Partial<DayStatistics>): DayStatistics => ({
  date: '2026-11-21',
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  skipped: 0,
  deployed: 0,
  median_seconds: null,
  ...change,
})

describe('summarise', () => {
  it('knows no rate without results', () => {
    expect(summarise([day({ cancelled: 2 })])).toEqual({ finished: 2, successRate: null, deployed: 0, typicalSeconds: null })
    expect(summarise([])).toMatchObject({ finished: 0, successRate: null })
  })

  it('counts cancelled ones neither way', () => {
    expect(summarise([day({ succeeded: 3, failed: 1, cancelled: 9 })]).successRate).toBe(0.75)
  })

  it('weighs a day’s median by its successes', () => {
    expect(summarise([day({ succeeded: 9, median_seconds: 40 }), day({ succeeded: 1, median_seconds: 400 })]).typicalSeconds).toBe(40)
  })
})

it('names days in UTC', () => {
  expect(dayName('2026-03-01')).toBe('1 Mar')
})

it('rounds nothing up to all', () => {
  expect([formatShare(1), formatShare(0.999), formatShare(0.5)]).toEqual(['100 %', '99 %', '50 %'])
})
