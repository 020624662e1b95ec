import { describe, expect, it } from 'vitest'
import type { ModelTraffic, VersionTraffic } from '../../api'
import { append, increaseOf, KEPT, noHistory, numbersOf, pairOf, quantile, sum } from './traffic'

const counters = (requests: number, change: Partial<VersionTraffic> = {}): VersionTraffic => ({
  version: 3,
  requests,
  errors: requests / 10,
  seconds_sum: requests * 0.01,
  buckets: [
    { le: 0.01, count: requests / 2 },
    { le: 0.1, count: requests },
    { le: null, count: requests },
  ],
  shadow: null,
  ...change,
})
const at = (second: number, ...versions: VersionTraffic[]): ModelTraffic => ({ at: new Date(second * 1_000).toISOString(), versions, places: [] })

describe('quantile', () => {
  const buckets = [
    { le: 0.01, count: 50 },
    { le: 0.1, count: 90 },
    { le: null, count: 100 },
  ]
  it('lies on a straight line within its bucket', () => {
    expect(quantile(buckets, 0.25)?.seconds).toBeCloseTo(0.005)
    expect(quantile(buckets, 0.5)?.seconds).toBeCloseTo(0.01)
    expect(quantile(buckets, 0.7)?.seconds).toBeCloseTo(0.055)
  })
  it('knows only a lower limit in the last bucket', () => {
    expect(quantile(buckets, 0.95)).toEqual({ seconds: 0.1, atLeast: true })
  })
  it('passes over empty buckets, in any order', () => {
    expect(
      quantile(
        [
          { le: null, count: 10 },
          { le: 0.2, count: 10 },
          { le: 0.1, count: 0 },
        ],
        0.5,
      )?.seconds,
    ).toBeCloseTo(0.15)
  })
  it('is unknown without requests', () => {
    expect(quantile([{ le: 1, count: 0 }], 0.5)).toBeNull()
    expect(quantile([], 0.5)).toBeNull()
  })
})

describe('increaseOf', () => {
  it('is the difference of all counters', () => {
    expect(increaseOf(counters(100), counters(160), 5)).toMatchObject({ requests: 60, errors: 6, buckets: [{ count: 30 }, { count: 60 }, { count: 60 }] })
  })
  it('is unknown when a counter went down', () => {
    expect(increaseOf(counters(100), counters(20), 5)).toBeNull()
    expect(increaseOf(counters(100), counters(120, { errors: 0 }), 5)).toBeNull()
  })
  it('counts a new version from zero', () => {
    expect(increaseOf(undefined, counters(20), 5)?.requests).toBe(20)
  })
  it('is unknown when no time passed', () => {
    expect(increaseOf(counters(1), counters(2), 0)).toBeNull()
  })
})

describe('sum', () => {
  it('adds times and counts', () => {
    const one = increaseOf(counters(0), counters(10), 5)!
    expect(sum([one, one])).toMatchObject({ seconds: 10, requests: 20 })
    expect(sum([])).toBeNull()
  })
})

describe('the history of traffic', () => {
  it('shows all since the start until there is a difference', () => {
    const history = append(noHistory, at(0, counters(100)))
    expect(numbersOf(history, counters(100))).toMatchObject({ perSecond: null, sinceStart: true, errorShare: 0.1, p50: { seconds: 0.01 } })
  })

  it('then shows the rate', () => {
    const history = append(append(noHistory, at(0, counters(100))), at(5, counters(150)))
    expect(numbersOf(history, counters(150))).toMatchObject({ perSecond: 10, sinceStart: false })
  })

  it('leaves a gap at a reset and goes on', () => {
    let history = append(noHistory, at(0, counters(100)))
    history = append(history, at(5, counters(10)))
    expect(history.samples.get(3)?.[0]?.increase).toBeNull()
    history = append(history, at(10, counters(30)))
    expect(numbersOf(history, counters(30)).perSecond).toBe(4)
  })

  it('ignores the same answer, and keeps so many', () => {
    let history = append(noHistory, at(0, counters(0)))
    expect(append(history, at(0, counters(0)))).toBe(history)
    for (let second = 1; second < 100; second += 1) history = append(history, at(second, counters(second * 10)))
    expect(history.samples.get(3)).toHaveLength(KEPT)
  })
})

describe('two versions beside each other', () => {
  const place = { current: { version: 3 }, candidate: { version: 4 } }
  const slow = (requests: number, errors: number): VersionTraffic => ({
    version: 4,
    requests,
    errors,
    seconds_sum: requests,
    buckets: [
      { le: 0.01, count: 0 },
      { le: 0.1, count: requests },
      { le: null, count: requests },
    ],
    shadow: null,
  })
  const between = (first: ModelTraffic, second: ModelTraffic) => pairOf(append(append(noHistory, first), second), second.versions, place)

  it('are compared over what came in between two polls', () => {
    const pair = between(at(0, counters(1_000), slow(5_000, 4_000)), at(5, counters(1_100), slow(5_020, 4_005)))
    expect(pair.current).toMatchObject({ perSecond: 20, errorShare: 0.1, p50: { seconds: 0.01 } })
    expect(pair.candidate).toMatchObject({ perSecond: 4, errorShare: 0.25 })
    expect(pair.candidate?.p50?.seconds).toBeCloseTo(0.055)
    expect(pair.errors).toBeCloseTo(0.15)
    expect(pair.p50).toBeCloseTo(5.5)
    expect(pair.p99).toBeCloseTo(0.0991 / 0.0982)
  })

  it('have nothing negative after a server has started anew, and go on', () => {
    const before = append(noHistory, at(0, counters(1_000), slow(5_000, 4_000)))
    const restarted = append(before, at(5, counters(10), slow(2, 0)))
    const first = pairOf(restarted, at(5, counters(10), slow(2, 0)).versions, place)
    expect(first.current).toMatchObject({ perSecond: null, errorShare: 0.1, sinceStart: true })
    expect(first.candidate).toMatchObject({ perSecond: null, errorShare: 0 })
    const then = at(10, counters(60), slow(12, 1))
    expect(pairOf(append(restarted, then), then.versions, place)).toMatchObject({ current: { perSecond: 10 }, candidate: { perSecond: 2, errorShare: 0.1 } })
  })

  it('have no difference where one was not asked', () => {
    const pair = between(at(0, counters(1_000), slow(10, 0)), at(5, counters(1_100), slow(10, 0)))
    expect(pair.candidate).toMatchObject({ perSecond: 0, errorShare: null, p50: null })
    expect(pair).toMatchObject({ errors: null, p50: null, p99: null })
    expect(between(at(0, counters(1)), at(5, counters(2))).candidate).toBeNull()
  })

  it('have no ratio where only a lower limit is known', () => {
    const last = (requests: number): VersionTraffic => ({ ...slow(requests, 0), buckets: [{ le: null, count: requests }] })
    expect(between(at(0, counters(0), last(0)), at(5, counters(10), last(10))).p50).toBeNull()
  })
})
