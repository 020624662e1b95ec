import { describe, expect, it } from 'vitest'
import type { BatchPrediction } from '../api/types'
import { rowsText, type Seen, shareOf, speedOf, timeLeft, withSeen } from './progress'

const counted = (rows: number | null, rows_done: number, shards_done = 0) => ({ rows, rows_done, shards: 4, shards_done })
const running = (given: Partial<BatchPrediction> = {}) => ({ status: 'running', started_at: '2026-01-01T00:00:00Z', rows: 1_000, rows_done: 100, ...given }) as BatchPrediction
const begun = Date.parse('2026-01-01T00:00:00Z')

describe('progress', () => {
  it('is of rows, or of shards while nobody has counted the rows', () => {
    expect([counted(200, 50), counted(null, 7, 1), counted(0, 0)].map(shareOf)).toEqual([0.25, 0.25, 1])
    expect(shareOf({ rows: null, rows_done: 0, shards: 0, shards_done: 0 })).toBeNull()
    expect([counted(1, 1), counted(1_204_332, 1_000), counted(null, 3)].map(rowsText)).toEqual(['1 row', '1,000 of 1,204,332 rows', '3 rows'])
  })
})

describe('speed', () => {
  const seen = (...answers: [seconds: number, rows: number][]) => answers.reduce<readonly Seen[]>((all, [seconds, rows]) => withSeen(all, { at: begun + seconds * 1_000, rows }), [])

  it('is what was done between the answers of the last half minute', () => {
    expect(speedOf(seen([10, 100], [12, 300]), running())).toBe(100)
    // Rows are counted a piece at a time: an answer without any more says nothing of the speed.
    expect(speedOf(seen([10, 100], [12, 100], [14, 500]), running())).toBe(100)
    const long = seen(...Array.from({ length: 100 }, (_, index): [number, number] => [index * 2, index < 50 ? 0 : (index - 49) * 20]))
    expect(long.length).toBeLessThan(20)
    expect(speedOf(long, running())).toBe(10)
  })

  it('is since the start where the answers tell of none', () => {
    expect(speedOf(seen([20, 100]), running())).toBe(5)
    expect(speedOf(seen([20, 100], [22, 100]), running({ rows_done: 110 }))).toBe(5)
    expect(speedOf(seen([20, 0]), running({ rows_done: 0 }))).toBeNull()
    expect(speedOf(seen([20, 100]), running({ started_at: null }))).toBeNull()
  })

  it('begins anew with fewer rows, and takes the same answer once', () => {
    expect(seen([10, 100], [12, 40])).toHaveLength(1)
    const once = seen([10, 100])
    expect(withSeen(once, { at: begun + 10_000, rows: 100 })).toBe(once)
  })

  it('is none of what does not run', () => expect(speedOf(seen([10, 100], [12, 300]), running({ status: 'writing' }))).toBeNull())

  it('tells how long the rest takes', () => {
    expect(timeLeft(running(), 90)).toBe(10_000)
    expect([timeLeft(running({ rows: null }), 90), timeLeft(running(), null), timeLeft(running({ status: 'failed' }), 90)]).toEqual([null, null, null])
  })
})
