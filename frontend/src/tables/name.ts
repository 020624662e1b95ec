const encoder = new TextEncoder()
/** In bytes: of each part, as the warehouse has it. */
const LONGEST = 255
/** Where a table keeps its log. */
const LOG = '_delta_log'

export type ReadName = { name: string } | { problem: string }

/** A table's name from what people write or paste, also as BigQuery shows it. Empty text has no problem to tell yet, and gives null. */
export function readName(text: string): ReadName | null {
  const name = text.trim().replace(/^`(.*)`$/, '$1')
  if (name === '') return null
  const parts = name.split('.')
  if (parts.length !== 3 || parts.includes('')) return { problem: 'Write three parts, project.dataset.table: local.titanic.train.' }
  if (!parts.every((part) => /^[\p{Alphabetic}\p{N}_][\p{Alphabetic}\p{N}_-]*$/u.test(part))) {
    return { problem: 'Use letters, digits, “_” and “-” in each part, and begin none with “-”.' }
  }
  if (parts.some((part) => encoder.encode(part).length > LONGEST)) return { problem: `Shorten it: a part has at most ${LONGEST} bytes.` }
  if (parts.includes(LOG)) return { problem: `Choose another part than ${LOG}: that is what a table’s log is called.` }
  return { name }
}

/** The name in a text, if it is one. */
export function nameIn(text: string): string | null {
  const read = readName(text)
  return read && 'name' in read ? read.name : null
}

/** The page of a table, as it is now or as it was at a version. */
export function tablePath(name: string, version: number | null = null): string {
  return `/tables/${encodeURIComponent(name)}${version === null ? '' : `?version=${version}`}`
}
