/** Lines named in an address: `#L12` or `#L12-L40`. */
export interface LineRange {
  first: number
  last: number
}

export function parseRange(hash: string): LineRange | null {
  const match = /^#L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash)
  if (!match?.[1]) return null
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])]
  if (one < 1 || other < 1) return null
  return { first: Math.min(one, other), last: Math.max(one, other) }
}

export function rangeHash({ first, last }: LineRange): string {
  return first === last ? `#L${first}` : `#L${first}-L${last}`
}

/** The range after a click on a line; with shift it reaches from where it began. */
export function extendRange(range: LineRange | null, seq: number, shift: boolean): LineRange {
  if (!shift || !range) return { first: seq, last: seq }
  return seq < range.first ? { first: seq, last: range.last } : { first: range.first, last: seq }
}
