/** Longer values are cut. */
const LONG = 48
/** Of a very long value no more than this is in the page. */
const MOST = 2_000

export type Shown = { kind: 'gap' } | { kind: 'empty' } | { kind: 'text' | 'number'; text: string; long: boolean }

/** What a cell of a table shows. Values are data and no measurements: nothing is rounded. */
export function shownOf(value: unknown): Shown {
  if (value === null || value === undefined) return { kind: 'gap' }
  if (value === '') return { kind: 'empty' }
  if (typeof value === 'number') return { kind: 'number', text: String(value), long: false }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // A line break in a row of a table would look like another row.
  const line = text.replace(/\r\n?|\n/g, ' ⏎ ')
  const whole = line.length > MOST ? `${line.slice(0, MOST)} … (${line.length - MOST} more characters)` : line
  return { kind: 'text', text: whole, long: line.length > LONG }
}

/** Whether a cell shows only the beginning of its value. */
export function isCut(value: unknown): boolean {
  const shown = shownOf(value)
  return 'long' in shown && shown.long
}
