/** A run of text that looks the same. */
export interface Segment {
  text: string
  className: string
  /** Colours beyond the sixteen of the theme. */
  style: { color?: string; backgroundColor?: string } | null
}

/** One of the sixteen colours, or a colour of its own. */
type Color = number | readonly [number, number, number]

interface Pen {
  fg: Color | null
  bg: Color | null
  flags: ReadonlySet<string>
}

const PLAIN: Pen = { fg: null, bg: null, flags: new Set() }
const ESC = '\u001b'
const flagOn: Record<number, string> = { 1: 'bold', 2: 'faint', 3: 'italic', 4: 'underline', 7: 'inverse', 8: 'hidden', 9: 'strike' }
const flagOff: Record<number, readonly string[]> = { 22: ['bold', 'faint'], 23: ['italic'], 24: ['underline'], 27: ['inverse'], 28: ['hidden'], 29: ['strike'] }

function indexed(code: number): Color | null {
  if (!(code >= 0 && code <= 255)) return null
  if (code < 16) return code
  if (code >= 232) {
    const grey = 8 + (code - 232) * 10
    return [grey, grey, grey]
  }
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40)
  const cube = code - 16
  return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)]
}

/** Reads `5;n` or `2;r;g;b` after a 38 or 48; gives the colour and how many numbers it took. */
function extended(codes: readonly number[], at: number): [Color | null, number] {
  if (codes[at] === 5) return [indexed(codes[at + 1] ?? -1), 2]
  if (codes[at] !== 2) return [null, 0]
  const rgb = codes.slice(at + 1, at + 4)
  const valid = rgb.length === 3 && rgb.every((value) => value >= 0 && value <= 255)
  return [valid ? [rgb[0] ?? 0, rgb[1] ?? 0, rgb[2] ?? 0] : null, 4]
}

/** The pen after a `m` sequence with these parameters. */
function applySgr(pen: Pen, parameters: string): Pen {
  // With colons a truecolor may carry an empty colour space: 38:2::r:g:b.
  const codes = parameters
    .replace(/([34]8:2):[0-9]*:([0-9]+:[0-9]+:[0-9]+)/g, '$1:$2')
    .split(/[;:]/)
    .map((part) => (part === '' ? 0 : Number(part)))
  let { fg, bg } = pen
  let flags = new Set(pen.flags)
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0
    if (code === 0) [fg, bg, flags] = [null, null, new Set()]
    else if (flagOn[code]) flags.add(flagOn[code])
    else if (flagOff[code]) for (const flag of flagOff[code]) flags.delete(flag)
    else if (code >= 30 && code <= 37) fg = code - 30
    else if (code >= 40 && code <= 47) bg = code - 40
    else if (code >= 90 && code <= 97) fg = code - 82
    else if (code >= 100 && code <= 107) bg = code - 92
    else if (code === 39) fg = null
    else if (code === 49) bg = null
    else if (code === 38 || code === 48) {
      const [color, taken] = extended(codes, index + 1)
      if (code === 38) fg = color ?? fg
      else bg = color ?? bg
      index += taken
    }
  }
  return { fg, bg, flags }
}

/** Black or white, whichever can be read on a ground: of the two, one always has a contrast of 4.5 or more. */
function inkOn([red, green, blue]: readonly [number, number, number]): string {
  const linear = (value: number) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.179 ? '#000' : '#fff'
}

/** A coloured ground decides its text's colour: terminals' pairs are made for terminals' own colours, and many can't be read in others. */
function segment(text: string, pen: Pen): Segment {
  const inverse = pen.flags.has('inverse')
  const bg = inverse ? pen.fg : pen.bg
  // Inverse text has a coloured ground by its own colour, or else the ink's.
  const drop = (flag: string) => (flag === 'inverse' && bg !== null) || (flag === 'faint' && (inverse || bg !== null))
  const classes = [...pen.flags].filter((flag) => !drop(flag)).map((flag) => `ansi-${flag}`)
  const style: NonNullable<Segment['style']> = {}
  if (typeof bg === 'number') classes.push(`ansi-bg-${bg}`)
  else if (bg !== null) {
    style.backgroundColor = `rgb(${bg.join(' ')})`
    style.color = inkOn(bg)
  } else if (inverse) {
    // The class has both colours.
  } else if (typeof pen.fg === 'number') classes.push(`ansi-fg-${pen.fg}`)
  else if (pen.fg !== null) {
    // The lightness is held within what can be read on the theme's ground; hue and strength stay.
    style.color = `oklch(from rgb(${pen.fg.join(' ')}) var(--ansi-lightness) c h)`
  }
  return { text, className: classes.join(' '), style: Object.keys(style).length > 0 ? style : null }
}

/** Where the control sequence at `start` (an ESC) ends, and its SGR parameters if it is one. Looks at each character once. */
function sequence(text: string, start: number): { end: number; sgr: string | null } {
  const kind = text[start + 1]
  if (kind === '[') {
    let end = start + 2
    while (end < text.length && text.charCodeAt(end) >= 0x20 && text.charCodeAt(end) <= 0x3f) end += 1
    const parameters = text.slice(start + 2, end)
    const isSgr = text[end] === 'm' && parameters.length <= 256 && /^[0-9;:]*$/.test(parameters)
    const final = text.charCodeAt(end)
    return { end: final >= 0x40 && final <= 0x7e ? end + 1 : end, sgr: isSgr ? parameters : null }
  }
  if (kind === ']') {
    // An operating system command (a window title, a link): up to BEL, or ESC and a backslash.
    let end = start + 2
    while (end < text.length && text[end] !== '\u0007' && text[end] !== ESC && text[end] !== '\n') end += 1
    if (text[end] === '\u0007') return { end: end + 1, sgr: null }
    return { end: text[end] === ESC && text[end + 1] === '\\' ? end + 2 : end, sgr: null }
  }
  return { end: start + (kind === undefined || kind === ESC || kind === '\n' ? 1 : 2), sgr: null }
}

// Control characters say nothing on a page; line ends and tabs do.
const CONTROLS = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g

/** Text with its terminal colours, in one pass. */
export function parseAnsi(text: string): Segment[] {
  const segments: Segment[] = []
  let pen = PLAIN
  let at = 0
  const push = (piece: string) => {
    const clean = piece.replace(CONTROLS, '')
    if (clean !== '') segments.push(segment(clean, pen))
  }
  while (at < text.length) {
    const escape = text.indexOf(ESC, at)
    if (escape === -1) {
      push(text.slice(at))
      break
    }
    if (escape > at) push(text.slice(at, escape))
    const { end, sgr } = sequence(text, escape)
    if (sgr !== null) pen = applySgr(pen, sgr)
    at = end
  }
  return segments
}

/** The text that is left without colours and control characters. */
export function stripAnsi(text: string): string {
  if (!text.includes(ESC)) return text.replace(CONTROLS, '')
  return parseAnsi(text)
    .map((piece) => piece.text)
    .join('')
}
