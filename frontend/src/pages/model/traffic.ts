import type { ModelTraffic, VersionTraffic } from '../../api'
import { formatNumber } from '../../ui'

export interface Bucket {
  /** Upper limit in seconds; null is +Inf. */
  le: number | null
  /** Requests in this bucket and all below. */
  count: number
}

/** What happened in some time. */
export interface Increase {
  seconds: number
  requests: number
  errors: number
  secondsSum: number
  buckets: Bucket[]
}

/** One poll's difference of a version; null where a counter went down, because a model-server started anew. */
export interface Sample {
  at: number
  increase: Increase | null
}

function total(version: VersionTraffic): Increase {
  return { seconds: NaN, requests: version.requests, errors: version.errors, secondsSum: version.seconds_sum, buckets: version.buckets }
}

/** Counters between two polls. A version that was not there before has counted from zero. */
export function increaseOf(before: VersionTraffic | undefined, after: VersionTraffic, seconds: number): Increase | null {
  if (!(seconds > 0)) return null
  if (!before) return { ...total(after), seconds }
  const lower = new Map(before.buckets.map((bucket) => [bucket.le, bucket.count]))
  const increase: Increase = {
    seconds,
    requests: after.requests - before.requests,
    errors: after.errors - before.errors,
    secondsSum: after.seconds_sum - before.seconds_sum,
    buckets: after.buckets.map(({ le, count }) => ({ le, count: count - (lower.get(le) ?? 0) })),
  }
  const reset = increase.requests < 0 || increase.errors < 0 || increase.buckets.some((bucket) => bucket.count < 0)
  return reset ? null : increase
}

export function sum(increases: readonly Increase[]): Increase | null {
  const [first, ...others] = increases
  if (!first) return null
  return others.reduce((all, one) => {
    const counts = new Map(one.buckets.map((bucket) => [bucket.le, bucket.count]))
    return {
      seconds: all.seconds + one.seconds,
      requests: all.requests + one.requests,
      errors: all.errors + one.errors,
      secondsSum: all.secondsSum + one.secondsSum,
      buckets: all.buckets.map(({ le, count }) => ({ le, count: count + (counts.get(le) ?? 0) })),
    }
  }, first)
}

export interface Quantile {
  seconds: number
  /** The quantile lies in the last bucket, so that only its lower limit is known. */
  atLeast: boolean
}

/** A quantile of a histogram, by a straight line within its bucket. Null without any request. */
export function quantile(buckets: readonly Bucket[], share: number): Quantile | null {
  const sorted = [...buckets].sort((one, other) => (one.le ?? Infinity) - (other.le ?? Infinity))
  const all = Math.max(0, ...sorted.map((bucket) => bucket.count))
  if (all === 0) return null
  const rank = share * all
  let lower = 0
  let below = 0
  for (const { le, count } of sorted) {
    if (count >= rank && count > below) {
      if (le === null) return { seconds: lower, atLeast: true }
      return { seconds: lower + (le - lower) * ((rank - below) / (count - below)), atLeast: false }
    }
    lower = le ?? lower
    below = Math.max(below, count)
  }
  return { seconds: lower, atLeast: true }
}

/** How many polls are kept: five minutes of five seconds. */
export const KEPT = 60
/** How much the numbers beside the charts sum up: a minute. */
export const RECENT = 12

export interface TrafficHistory {
  last: ModelTraffic | null
  samples: ReadonlyMap<number, readonly Sample[]>
}

export const noHistory: TrafficHistory = { last: null, samples: new Map() }

/** The history with one more answer; the same answer again changes nothing. */
export function append(history: TrafficHistory, traffic: ModelTraffic): TrafficHistory {
  const { last } = history
  if (last?.at === traffic.at) return history
  if (!last) return { last: traffic, samples: new Map() }
  const at = Date.parse(traffic.at)
  const seconds = (at - Date.parse(last.at)) / 1_000
  const samples = new Map<number, readonly Sample[]>()
  for (const version of traffic.versions) {
    const before = last.versions.find((one) => one.version === version.version)
    const known = history.samples.get(version.version) ?? []
    samples.set(version.version, [...known, { at, increase: increaseOf(before, version, seconds) }].slice(-KEPT))
  }
  return { last: traffic, samples }
}

export interface TrafficNumbers {
  /** Null before there are two answers: the counters alone tell no rate. */
  perSecond: number | null
  errorShare: number | null
  p50: Quantile | null
  p95: Quantile | null
  p99: Quantile | null
  sinceStart: boolean
}

function numbers({ requests, errors, seconds, buckets }: Increase, sinceStart: boolean): TrafficNumbers {
  return {
    perSecond: sinceStart ? null : requests / seconds,
    errorShare: requests > 0 ? errors / requests : null,
    p50: quantile(buckets, 0.5),
    p95: quantile(buckets, 0.95),
    p99: quantile(buckets, 0.99),
    sinceStart,
  }
}

/** A version's numbers of the last minute; of all the time since the start where there is no difference yet. */
export function numbersOf(history: TrafficHistory, version: VersionTraffic): TrafficNumbers {
  const recent = (history.samples.get(version.version) ?? []).slice(-RECENT)
  const increase = sum(recent.flatMap((sample) => (sample.increase ? [sample.increase] : [])))
  return increase ? numbers(increase, false) : numbers(total(version), true)
}

/** Two versions beside each other; the second one is tried beside the first. */
export interface Pair {
  /** Null: no model-server counts anything of it. */
  current: TrafficNumbers | null
  candidate: TrafficNumbers | null
  /** By how much the candidate's share of errors is greater. */
  errors: number | null
  /** How many times as long as the current version the candidate takes. */
  p50: number | null
  p99: number | null
}

function ratio(one: Quantile | null | undefined, other: Quantile | null | undefined): number | null {
  if (!one || !other || one.atLeast || other.atLeast || other.seconds === 0) return null
  return one.seconds / other.seconds
}

export function pairOf(history: TrafficHistory, versions: readonly VersionTraffic[], place: { current: { version: number }; candidate: { version: number } }): Pair {
  const [current, candidate] = [place.current, place.candidate].map(({ version }) => {
    const counted = versions.find((one) => one.version === version)
    return counted ? numbersOf(history, counted) : null
  })
  const shares = [candidate?.errorShare ?? null, current?.errorShare ?? null] as const
  return {
    current: current ?? null,
    candidate: candidate ?? null,
    errors: shares[0] === null || shares[1] === null ? null : shares[0] - shares[1],
    p50: ratio(candidate?.p50, current?.p50),
    p99: ratio(candidate?.p99, current?.p99),
  }
}

/** `2.6 ms`, `1.2 s`. */
export function formatLatency(seconds: number): string {
  if (seconds >= 0.9995) return `${seconds.toFixed(1)} s`
  const milliseconds = seconds * 1_000
  return `${milliseconds >= 99.95 ? Math.round(milliseconds) : milliseconds.toFixed(1)} ms`
}

/** `0.4 %`, `100 %`. */
export function formatShare(share: number | null): string {
  return share === null ? '–' : `${formatNumber(Number((share * 100).toPrecision(2)))} %`
}

export function formatRate(perSecond: number | null): string {
  return perSecond === null ? '–' : formatNumber(Number(perSecond.toPrecision(3)))
}

export function formatQuantile(found: Quantile | null): string {
  if (!found) return '–'
  return `${found.atLeast ? 'over ' : ''}${formatLatency(found.seconds)}`
}
