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
