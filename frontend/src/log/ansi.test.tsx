import { render } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { parseAnsi, stripAnsi } from './ansi'
import { AnsiText, occurrences } from './LineText'

const look = (text: string) => parseAnsi(text).map((segment) => [segment.text, segment.className])

describe('parseAnsi', () => {
  it('knows the sixteen colours and the styles', () => {
    expect(look('a\u001b[31mb\u001b[1;94mc\u001b[22;39md\u001b[0me')).toEqual([
      ['a', ''],
      ['b', 'ansi-fg-1'],
      ['c', 'ansi-bold ansi-fg-12'],
      ['d', ''],
      ['e', ''],
    ])
    expect(look('\u001b[42;103mx')).toEqual([['x', 'ansi-bg-11']])
    expect(look('\u001b[mx')).toEqual([['x', '']])
  })

  it('maps 256 and true colours', () => {
    expect(look('\u001b[38;5;9mx')).toEqual([['x', 'ansi-fg-9']])
    expect(parseAnsi('\u001b[38;5;196mx')[0]?.style?.color).toContain('rgb(255 0 0)')
    expect(parseAnsi('\u001b[38;2;1;2;3mx')[0]?.style?.color).toContain('rgb(1 2 3)')
    expect(parseAnsi('\u001b[38:2::1:2:3mx')[0]?.style?.color).toContain('rgb(1 2 3)')
    expect(parseAnsi('\u001b[48;5;255mx')[0]?.style).toEqual({ backgroundColor: 'rgb(238 238 238)', color: '#000' })
    expect(look('\u001b[38;2;999;0;0mx')).toEqual([['x', '']])
  })

  it('lets a coloured ground decide the colour of its text, for all pairs of the sixteen', () => {
    const code = (color: number, base: number) => (color < 8 ? base + color : base + 52 + color)
    for (let bg = 0; bg < 16; bg += 1) {
      for (let fg = 0; fg < 16; fg += 1) {
        const pairs = [`${code(fg, 30)};${code(bg, 40)}`, `38;5;${fg};48;5;${bg}`, `48;5;${bg};38;2;9;9;9`]
        for (const pair of pairs) expect(look(`\u001b[${pair}mx`)).toEqual([['x', `ansi-bg-${bg}`]])
      }
    }
    expect(look('\u001b[7;31;2mx\u001b[0;7;43mx\u001b[0;2;43mx')).toEqual([
      ['x', 'ansi-bg-1'],
      ['x', 'ansi-inverse'],
      ['x', 'ansi-bg-3'],
    ])
    // The ground's own text colour, and that it can be read, is what the styles' tests see to.
    expect(parseAnsi('\u001b[43;38;5;196mx')[0]?.style).toBeNull()
  })

  it('writes black or white on grounds of other colours, whichever has a contrast of 4.5', () => {
    const linear = (value: number) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
    for (let index = 16; index < 256; index += 1) {
      const style = parseAnsi(`\u001b[93;48;5;${index}mx`)[0]?.style
      const [red = 0, green = 0, blue = 0] = (style?.backgroundColor?.match(/\d+/g) ?? []).map(Number)
      const ground = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
      const contrast = style?.color === '#000' ? (ground + 0.05) / 0.05 : 1.05 / (ground + 0.05)
      expect(contrast, String(index)).toBeGreaterThanOrEqual(4.5)
    }
  })

  it('takes other sequences and control characters away', () => {
    expect(stripAnsi('\u001b[2K\u001b[1Aa\u001b]8;;http://x.test\u001b\\b\u001b]0;title\u0007c\u0000\u0008d\u001b(B')).toBe('abcdB')
    expect(stripAnsi('a\u001b')).toBe('a')
    expect(stripAnsi('a\u001b[')).toBe('a')
    expect(stripAnsi('a\u001b[31')).toBe('a')
    expect(stripAnsi('a\u001b]never ends')).toBe('a')
  })

  it('takes time in proportion to the length of hostile text', () => {
    for (const piece of ['\u001b[', '\u001b', '\u001b]', '\u001b[1;', '\u001b[38;5', '\u001b[0m', ';']) {
      const started = performance.now()
      parseAnsi(piece.repeat(200_000))
      expect(performance.now() - started).toBeLessThan(1_500)
    }
    const started = performance.now()
    parseAnsi(`\u001b[${'1;'.repeat(500_000)}m`)
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('AnsiText', () => {
  it('marks what was searched for across a change of colour', () => {
    const { container } = render(<AnsiText text={'an \u001b[31mErr\u001b[0mor'} query="error" />)
    expect(container.textContent).toBe('an Error')
    expect([...container.querySelectorAll('mark')].map((mark) => mark.textContent)).toEqual(['Err', 'or'])
  })

  it('takes a query literally', () => {
    expect(occurrences('a.b a+b', 'A+B')).toEqual([[4, 7]])
  })
})
