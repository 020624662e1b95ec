/** Lines are cut at this length until someone asks for the whole. */
export const CUT = 2_000

/** Even a whole line shows no more than this; the download has the rest. */
export const WHOLE = 100_000

const TAB = 8

function expandTabs(text: string): string {
  let result = ''
  let column = 0
  for (const [index, part] of text.split('\t').entries()) {
    if (index > 0) {
      const gap = TAB - (column % TAB)
      result += ' '.repeat(gap)
      column += gap
    }
    result += part
    column += part.length
  }
  return result
}

/** A line as a terminal would leave it: the last state of a progress bar, tabs as blanks, line ends visible. */
export function normalise(text: string): string {
  let result = text
  if (result.includes('\r')) result = result.replace(/\r+$/, '').split('\r').at(-1) ?? ''
  if (result.includes('\n')) result = result.replaceAll('\n', ' ⏎ ')
  return result.includes('\t') ? expandTabs(result) : result
}

const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\ud83c-\ud83e]/g
const ASCII = /^[ -~]*$/

/** How many columns a text without colours takes in a monospaced font. */
export function columnsOf(plain: string): number {
  if (ASCII.test(plain)) return plain.length
  return plain.length + (plain.match(WIDE)?.length ?? 0)
}
