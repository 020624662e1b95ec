import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync('src/styles/tokens.css', 'utf8')

function tokensOf(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`)
  const block = css.slice(start, css.indexOf('}', start))
  return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1] ?? '', match[2] ?? '']))
}

function luminance(color: string): number {
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
  const [red = 0, green = 0, blue = 0] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}

const inks = ['ink', 'muted', 'faint', 'accent', 'accent-hover', 'success', 'warning', 'danger', 'neutral', ...Array.from({ length: 16 }, (_, index) => `ansi-${index}`)]
const texts: [string, string][] = [
  ...inks.flatMap((ink) => ['canvas', 'surface', 'raised'].map((ground): [string, string] => [ink, ground])),
  ...['accent', 'success', 'warning', 'danger', 'neutral'].map((tone): [string, string] => [tone, `${tone}-tint`]),
  ...['accent-tint', 'success-tint', 'warning-tint', 'danger-tint'].flatMap((ground) => ['ink', 'muted', 'faint'].map((ink): [string, string] => [ink, ground])),
  ['ink', 'highlight'],
  ['ink', 'highlight-strong'],
  ['accent-ink', 'accent'],
  ['accent-ink', 'accent-hover'],
  // A coloured ground takes the surface's colour for its text, whatever colour the text was to have.
  ...Array.from({ length: 16 }, (_, index): [string, string] => ['surface', `ansi-${index}`]),
]

it('gives every coloured ground of terminals the text that is tested here', () => {
  const ansi = readFileSync('src/styles/ansi.css', 'utf8')
  const rules = Array.from({ length: 16 }, (_, index) => new RegExp(`\\.ansi-bg-${index} \\{\\s*background: var\\(--ansi-${index}\\);\\s*color: var\\(--surface\\);`))
  for (const rule of rules) expect(ansi).toMatch(rule)
})

describe.each([[':root'], ["[data-theme='dark']"]])('the colours of %s', (selector) => {
  const tokens = tokensOf(selector)
  const ratio = ([ink, ground]: [string, string]) => contrast(tokens.get(ink) ?? '#000000', tokens.get(ground) ?? '#000000')

  it.each(texts)('%s can be read on %s', (ink, ground) => expect(ratio([ink, ground])).toBeGreaterThanOrEqual(4.5))

  it('show the borders of fields', () => {
    for (const ground of ['canvas', 'surface']) expect(ratio(['line-strong', ground])).toBeGreaterThanOrEqual(3)
  })
})
