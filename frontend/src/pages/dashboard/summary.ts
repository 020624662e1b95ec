import type { DayStatistics } from '../../api'

export interface Summary {
  finished: number
  /** Of those that succeeded or failed; cancelled ones say nothing. */
  successRate: number | null
  deployed: number
  /** The usual duration: the median of the days' medians, each as often as it had successes. */
  typicalSeconds: number | null
}

function weightedMedian(entries: readonly { value: number; weight: number }[]): number | null {
  const sorted = [...entries].sort((one, other) => one.value - other.value)
  const half = sorted.reduce((sum, entry) => sum + entry.weight, 0) / 2
  let passed = 0
  for (const { value, weight } of sorted) {
    passed += weight
    if (passed >= half) return value
  }
  return null
}

export function summarise(days: readonly DayStatistics[]): Summary {
  const sum = (pick: (day: DayStatistics) => number) => days.reduce((total, day) => total + pick(day), 0)
  const succeeded = sum((day) => day.succeeded)
  const failed = sum((day) => day.failed)
  const medians = days.flatMap((day) => (day.median_seconds === null || day.succeeded === 0 ? [] : [{ value: day.median_seconds, weight: day.succeeded }]))
  return {
    finished: sum((day) => day.succeeded + day.failed + day.cancelled + day.skipped),
    successRate: succeeded + failed === 0 ? null : succeeded / (succeeded + failed),
    deployed: sum((day) => day.deployed),
    typicalSeconds: weightedMedian(medians),
  }
}

const short = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', timeZone: 'UTC' })

/** `21 Nov` of a UTC date. */
export function dayName(date: string): string {
  const parts = short.formatToParts(new Date(`${date}T00:00:00Z`))
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
  return `${part('day')} ${part('month')}`
}

/** Whole per cent; only all of them is 100 %. */
export function formatShare(share: number): string {
  return share === 1 ? '100 %' : `${Math.min(99, Math.round(share * 100))} %`
}
