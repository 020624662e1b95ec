import type { LogRows } from './rows'
import type { LogStore } from './store'

const CHUNK = 4_000

/** A pattern that finds a text literally, in any case. */
export function pattern(query: string, flags = 'i'): RegExp {
  return new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), flags)
}

/** Finds the rows that contain a text, a piece at a time, so that a long log never blocks the page. */
export class LogSearch {
  readonly query: string
  /** Rows with the text, in order. */
  readonly matches: number[] = []
  private readonly store: LogStore
  private readonly rows: LogRows
  private readonly wanted: RegExp
  private scanned = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private readonly onProgress: () => void

  constructor(store: LogStore, rows: LogRows, query: string, onProgress: () => void) {
    this.store = store
    this.rows = rows
    this.query = query
    this.wanted = pattern(query)
    this.onProgress = onProgress
    this.update()
  }

  get done(): boolean {
    return this.scanned >= this.rows.length
  }

  /** Goes on with rows that have come since. */
  update(): void {
    if (this.query !== '' && !this.done && this.timer === null) this.timer = setTimeout(this.scan, 0)
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  /** The match after (or before) a row, around the end; -1 without matches. Gives its place among the matches. */
  next(row: number, step: 1 | -1): number {
    if (this.matches.length === 0) return -1
    if (step === 1) {
      const found = this.matches.findIndex((match) => match > row)
      return found === -1 ? 0 : found
    }
    const found = this.matches.findLastIndex((match) => match < row)
    return found === -1 ? this.matches.length - 1 : found
  }

  private readonly scan = (): void => {
    const end = Math.min(this.rows.length, this.scanned + CHUNK)
    for (let row = this.scanned; row < end; row += 1) {
      if (this.wanted.test(this.store.plain(this.rows.index(row)))) this.matches.push(row)
    }
    this.scanned = end
    this.timer = this.done ? null : setTimeout(this.scan, 0)
    this.onProgress()
  }
}
