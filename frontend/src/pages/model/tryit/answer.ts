import type { Prediction } from '../../../api'

// A prediction is an answer and no measurement: it is not rounded to a few digits.
const exact = new Intl.NumberFormat('en', { maximumSignificantDigits: 12, useGrouping: 'min2' })

export interface Share {
  label: string
  share: number
}

/** More classes than these are left out of a row's bars, the least likely first. */
export const MOST = 10

/** A prediction as text: a label, a number, or the JSON of anything else. */
export function valueText(value: unknown): string {
  if (typeof value === 'number') return value !== 0 && (Math.abs(value) < 1e-6 || Math.abs(value) >= 1e15) ? String(value) : exact.format(value)
  if (typeof value === 'string') return value
  return JSON.stringify(value) ?? '–'
}

/** The probabilities of a row by class; the likeliest first where there are too many to show. */
export function sharesOf({ probabilities, classes }: Prediction, row: number): Share[] {
  const shares = (probabilities?.[row] ?? []).map((share, index) => ({ label: valueText(classes?.[index] ?? index), share }))
  return shares.length <= MOST ? shares : shares.sort((one, other) => other.share - one.share).slice(0, MOST)
}

/** `88.0 %`; what is not nothing and not all never looks so. */
export function percentOf(share: number): string {
  if (share > 0 && share < 0.001) return '< 0.1 %'
  if (share < 1 && share > 0.999) return '> 99.9 %'
  return `${(share * 100).toFixed(1)} %`
}
