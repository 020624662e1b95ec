export interface Token {
  text: string
  /** A class of styles/content.css, or nothing. */
  className: string
}

const KEYWORDS = new Set(
  'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield'.split(
    ' ',
  ),
)

// Each alternative is matched at one place without going back, so that the whole is linear in the length of the source.
const TOKEN =
  /(#[^\n]*)|((?:\b[rRbBuUfF]{1,2})?(?:"""(?:[^\\]|\\[\s\S])*?(?:"""|$)|'''(?:[^\\]|\\[\s\S])*?(?:'''|$)|"(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?))|(\b\d[\w.]*)|([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)|(\s+|[\s\S])/g

/** Python's tokens as far as colours need them. */
export function tokens(source: string): Token[] {
  const found: Token[] = []
  const add = (text: string, className: string) => {
    const last = found.at(-1)
    if (last?.className === className) last.text += text
    else found.push({ text, className })
  }
  let afterDefinition = false
  for (const [text, comment, string, number, word] of source.matchAll(TOKEN)) {
    if (comment !== undefined) add(text, 'py-comment')
    else if (string !== undefined) add(text, 'py-string')
    else if (number !== undefined) add(text, 'py-number')
    else if (word !== undefined && KEYWORDS.has(word)) add(text, 'py-keyword')
    else if (word !== undefined && afterDefinition) add(text, 'py-name')
    else add(text, '')
    if (word !== undefined) afterDefinition = word === 'def' || word === 'class'
  }
  return found
}
