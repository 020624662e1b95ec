import type { LogRows } from './rows'
import type { LogStore } from './store'
import { CUT, WHOLE } from './text'

export const ROW = 20

/** Browsers do not make elements much higher than this; beyond it the scroll bar is scaled. */
export const TALLEST = 15_000_000

/** What the button after a cut line takes, in columns. */
const BUTTON = 28

/** Where rows lie. Without wrapping all are equally high; with it the height follows from the number of columns. */
export class LogLayout {
  private readonly store: LogStore
  private readonly rows: LogRows
  /** Columns of the window, or null where lines are not wrapped. */
  private readonly columns: number | null
  /** Ends of the rows, counted in heights of one row. */
  private ends = new Uint32Array(1_024)
  private known = 0

  constructor(store: LogStore, rows: LogRows, columns: number | null) {
    this.store = store
    this.rows = rows
    this.columns = columns === null ? null : Math.max(20, columns)
  }

  /** Takes in new rows; from a row on when something changed there. */
  update(expanded: ReadonlySet<number>, from = this.known): void {
    if (this.columns === null) return
    const count = this.rows.length
    if (count > this.ends.length) {
      const grown = new Uint32Array(Math.max(count, this.ends.length * 2))
      grown.set(this.ends)
      this.ends = grown
    }
    let end = from === 0 ? 0 : (this.ends[from - 1] ?? 0)
    for (let row = Math.min(from, count); row < count; row += 1) {
      end += this.lines(row, expanded, this.columns)
      this.ends[row] = end
    }
    this.known = count
  }

  /** The height of everything, in pixels. */
  get height(): number {
    if (this.columns === null) return this.rows.length * ROW
    return (this.rows.length === 0 ? 0 : (this.ends[this.rows.length - 1] ?? 0)) * ROW
  }

  top(row: number): number {
    if (this.columns === null) return row * ROW
    return row === 0 ? 0 : (this.ends[Math.min(row, this.known) - 1] ?? 0) * ROW
  }

  heightOf(row: number): number {
    return this.columns === null ? ROW : this.top(row + 1) - this.top(row)
  }

  /** The row at a height. */
  rowAt(y: number): number {
    const wanted = Math.max(0, Math.floor(y / ROW))
    if (this.columns === null) return Math.min(wanted, Math.max(0, this.rows.length - 1))
    let low = 0
    let high = Math.max(0, this.known - 1)
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.ends[middle] ?? 0) <= wanted) low = middle + 1
      else high = middle
    }
    return low
  }

  private lines(row: number, expanded: ReadonlySet<number>, columns: number): number {
    const width = this.store.width(this.rows.index(row))
    const shown = width <= CUT ? width : expanded.has(this.rows.seq(row)) ? Math.min(width, WHOLE) + BUTTON : CUT + BUTTON
    return Math.max(1, Math.ceil(shown / columns))
  }
}

/** Between the scroll bar and the rows: one to one up to the tallest element, scaled beyond. */
export function scrollScale(height: number, viewport: number): { shown: number; toContent: (top: number) => number; toScroll: (y: number) => number } {
  if (height <= TALLEST) return { shown: height, toContent: (top) => top, toScroll: (y) => y }
  const factor = (height - viewport) / (TALLEST - viewport)
  return { shown: TALLEST, toContent: (top) => top * factor, toScroll: (y) => y / factor }
}
