import { describe, expect, it } from 'vitest'
import { shownOf } from './cells'

describe('a cell', () => {
  it.each([
    [null, { kind: 'gap' }],
    [undefined, { kind: 'gap' }],
    ['', { kind: 'empty' }],
    [0, { kind: 'number', text: '0', long: false }],
    [0.1234567891234, { kind: 'number', text: '0.1234567891234', long: false }],
    [false, { kind: 'text', text: 'false', long: false }],
    ['C85', { kind: 'text', text: 'C85', long: false }],
    ['two\r\nlines', { kind: 'text', text: 'two ⏎ lines', long: false }],
    [['a', null, 1], { kind: 'text', text: '["a",null,1]', long: false }],
    [{ b: 1 }, { kind: 'text', text: '{"b":1}', long: false }],
  ])('of %j shows it exactly', (value, shown) => expect(shownOf(value)).toEqual(shown))

  it('is cut where it is long, and does not fill the page where it is very long', () => {
    expect(shownOf('x'.repeat(49))).toEqual({ kind: 'text', text: 'x'.repeat(49), long: true })
    const shown = shownOf('x'.repeat(1_000_000))
    expect(shown).toMatchObject({ long: true, text: expect.stringMatching(/x … \(998000 more characters\)$/) })
  })
})
