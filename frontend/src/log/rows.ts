import type { LogStream, PhaseName } from '../api/types'
import type { LogStore } from './store'

export interface LogFilter {
  stream: LogStream | null
  phase: PhaseName | null
}

/** Which lines are shown, in order: row numbers to indexes in the store. Follows the store as it grows. */
export class LogRows {
  private readonly store: LogStore
  private readonly filter: LogFilter
  private chosen: Int32Array = new Int32Array(0)
  private count = 0
  private seen = 0
  private dropped: number

  constructor(store: LogStore, filter: LogFilter) {
    this.store = store
    this.filter = filter
    this.dropped = store.dropped
    this.update()
  }

  get length(): number {
    return this.count
  }

  /** Looks at what has come since; returns false when rows went away, and everything counted in rows is void. */
  update(): boolean {
    const intact = this.dropped === this.store.dropped
    if (!intact) {
      this.dropped = this.store.dropped
      this.seen = 0
      this.count = 0
    }
    const { stream, phase } = this.filter
    if (stream === null && phase === null) {
      this.count = this.seen = this.store.length
      return intact
    }
    for (; this.seen < this.store.length; this.seen += 1) {
      if (stream !== null && this.store.stream(this.seen) !== stream) continue
      if (phase !== null && this.store.phase(this.seen) !== phase) continue
      if (this.count === this.chosen.length) {
        const grown = new Int32Array(Math.max(1_024, this.count * 2))
        grown.set(this.chosen)
        this.chosen = grown
      }
      this.chosen[this.count] = this.seen
      this.count += 1
    }
    return intact
  }

  /** The line's index in the store. */
  index(row: number): number {
    return this.filter.stream === null && this.filter.phase === null ? row : (this.chosen[row] ?? 0)
  }

  seq(row: number): number {
    return this.dropped + this.index(row) + 1
  }

  /** The row of a line, or of the next one that is shown; the number of rows when there is none. */
  rowOf(seq: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.seq(middle) < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}
