import { type BatchPrediction, isUnfinished } from '../api/types'
import { formatCount, plural } from '../ui/numbers'
import type { Tone } from '../ui/StatusBadge'

type Counted = Pick<BatchPrediction, 'rows' | 'rows_done' | 'shards' | 'shards_done'>

/** How much of it is done, from 0 to 1: by rows, or by shards while nobody has counted the rows; null: not known. */
export function shareOf({ rows, rows_done, shards, shards_done }: Counted): number | null {
  const [done, all] = rows === null ? [shards_done, shards] : [rows_done, rows]
  if (all > 0) return Math.min(1, done / all)
  return rows === 0 ? 1 : null
}

/** `120,000 of 1,204,332 rows`; `1,204,332 rows` when all are done. */
export function rowsText({ rows, rows_done }: Pick<Counted, 'rows' | 'rows_done'>): string {
  return rows === null || rows === rows_done ? plural(rows_done, 'row') : `${formatCount(rows_done)} of ${plural(rows, 'row')}`
}

export function toneOf(status: BatchPrediction['status']): Tone {
  if (status === 'failed') return 'danger'
  if (status === 'cancelled') return 'warning'
  return status === 'succeeded' ? 'success' : 'accent'
}

/** How many rows were done at a time. */
export interface Seen {
  at: number
  rows: number
}

/** Rates are of this long, in milliseconds: rows are counted a piece at a time, so that two answers often say the same. */
const WINDOW = 30_000

/** The answers of the last while with one more; after a new beginning those before it count no more. */
export function withSeen(seen: readonly Seen[], next: Seen): readonly Seen[] {
  const last = seen.at(-1)
  if (last && next.at <= last.at) return seen
  if (last && next.rows < last.rows) return [next]
  // The newest that is older than the window is where the window begins.
  const begins = seen.findLastIndex((one) => one.at <= next.at - WINDOW)
  return [...seen.slice(Math.max(0, begins)), next]
}

/** Rows a second: between the answers so far, or since it started where they tell of none; null: not known. */
export function speedOf(seen: readonly Seen[], { status, started_at, rows_done }: BatchPrediction): number | null {
  if (status !== 'running') return null
  const [first, last] = [seen[0], seen.at(-1)]
  if (first && last && last.rows > first.rows) return ((last.rows - first.rows) * 1_000) / (last.at - first.at)
  const seconds = last && started_at !== null ? (last.at - Date.parse(started_at)) / 1_000 : 0
  return seconds > 0 && rows_done > 0 ? rows_done / seconds : null
}

/** Milliseconds until all rows are done, at a speed; null: not known. */
export function timeLeft({ status, rows, rows_done }: BatchPrediction, speed: number | null): number | null {
  if (!isUnfinished(status) || rows === null || speed === null || speed <= 0) return null
  return (Math.max(0, rows - rows_done) / speed) * 1_000
}
