import { describe, expect, it } from 'vitest'
import type { Cell, Notebook } from '../api/nbformat'
import { cellsOf, focusOf, joined, numbersOf, outputsOf, progressOf, richest, settleReturns, stateOf, tagsOf } from './cells'
import { base64, imageUrl, withAttachments } from './images'
import { tokens } from './python'

function cell(status: string, more: Record<string, unknown> = {}): Cell {
  return { cell_type: 'code', metadata: { papermill: { status, start_time: '2026-11-21T10:00:00', end_time: null, ...more } } }
}

describe('the state of cells', () => {
  it('comes from the run', () => {
    expect(stateOf(cell('running'))).toEqual({ status: 'running', start: '2026-11-21T10:00:00', end: null })
    expect(stateOf(cell('completed', { exception: true }))?.status).toBe('failed')
    expect(stateOf(cell('pending', { start_time: 'soon' }))).toEqual({ status: 'pending', start: null, end: null })
  })

  it('is unknown without it', () => {
    expect(stateOf({ cell_type: 'code' })).toBeNull()
    expect(stateOf({ cell_type: 'code', metadata: { papermill: 'x' } })).toBeNull()
    expect(stateOf({ ...cell('running'), cell_type: 'markdown' })).toBeNull()
    expect(stateOf(cell('exploded'))).toBeNull()
  })

  it('tells where to look', () => {
    expect(focusOf([cell('completed'), cell('running'), cell('failed')])).toBe(2)
    expect(focusOf([cell('completed'), cell('running')])).toBe(1)
    expect(focusOf([cell('completed')])).toBe(-1)
    expect(progressOf([cell('completed'), cell('failed'), cell('pending'), { cell_type: 'markdown' }])).toEqual({ done: 2, total: 3 })
  })
})

describe('the numbers of cells', () => {
  it('are those of the notebook as it was pushed', () => {
    const tagged = (tag: string): Cell => ({ cell_type: 'code', metadata: { tags: [tag] } })
    const run = ['papermill-error-cell-tag', 'mlops:config', 'parameters', 'injected-parameters', 'papermill-error-cell-tag', 'mlops:training'].map(tagged)
    const cells = cellsOf({ cells: run, metadata: {}, nbformat: 4, nbformat_minor: 5 })
    expect(cells.map((cell) => tagsOf(cell)[0])).toEqual(['mlops:config', 'parameters', 'injected-parameters', 'mlops:training'])
    expect(numbersOf(cells)).toEqual([0, 1, 1, 2])
  })
})

describe('a notebook that is not what it should be', () => {
  it('is read as far as possible', () => {
    expect(cellsOf({ cells: 'none' } as unknown as Notebook)).toEqual([])
    expect(cellsOf({ cells: [null, 3, { cell_type: 'code' }] } as unknown as Notebook).map((one) => one.cell_type)).toEqual(['raw', 'raw', 'code'])
    expect(outputsOf({ cell_type: 'code', outputs: [null, 'x'] } as unknown as Cell)).toEqual([])
    expect(tagsOf({ cell_type: 'code', metadata: { tags: ['mlops:config', 3, null] } })).toEqual(['mlops:config'])
    expect([joined(['a', 'b', 1]), joined('c'), joined(null)]).toEqual(['ab', 'c', ''])
  })
})

describe('outputs', () => {
  it('are shown in their richest form', () => {
    expect(richest({ 'text/plain': 'x', 'text/html': '<b>' })).toBe('text/html')
    expect(richest({ 'text/plain': 'x', 'image/png': 'y' })).toBe('image/png')
    expect(richest({ 'application/vnd.custom+json': {} })).toBeNull()
  })

  it('end like in a terminal', () => {
    expect(settleReturns('1%\r50%\r100%\r\ndone')).toBe('100%\ndone')
  })

  it('become images only as data of the image', () => {
    expect(imageUrl('image/png', ['iVBO\n', 'Rw==\n'])).toBe('data:image/png;base64,iVBORw==')
    expect(imageUrl('image/png', 'x" onerror="alert(1)')).toBeNull()
    expect(imageUrl('image/svg+xml', '<svg>ä</svg>')).toBe(`data:image/svg+xml;base64,${base64('<svg>ä</svg>')}`)
    expect(imageUrl('image/png', 7)).toBeNull()
    expect(atob(base64('x'.repeat(100_000)))).toHaveLength(100_000)
  })

  it('bring their attachments along', () => {
    const attachments = { 'a.png': { 'image/png': 'iVBO' } }
    expect(withAttachments('![x](attachment:a.png) ![y](attachment:constructor)', attachments)).toBe('![x](data:image/png;base64,iVBO) ![y](attachment:constructor)')
  })
})

describe('tokens', () => {
  const kinds = (source: string) =>
    tokens(source)
      .filter((token) => token.className)
      .map((token) => [token.className.slice(3), token.text])

  it('tells keywords, strings, numbers, comments and names apart', () => {
    expect(kinds('def fit(x):  # note\n  return f"a{x}" + 1_0.5e3')).toEqual([
      ['keyword', 'def'],
      ['name', 'fit'],
      ['comment', '# note'],
      ['keyword', 'return'],
      ['string', 'f"a{x}"'],
      ['number', '1_0.5e3'],
    ])
    expect(kinds('"""a\n"b" # no\n""" # yes')).toEqual([
      ['string', '"""a\n"b" # no\n"""'],
      ['comment', '# yes'],
    ])
  })

  it('loses nothing, and takes its time in proportion', () => {
    for (const piece of ['"', "'''a", '\\', '"\\', 'f', '1.', '#\n"']) {
      const source = piece.repeat(50_000)
      const started = performance.now()
      expect(
        tokens(source)
          .map((token) => token.text)
          .join(''),
      ).toBe(source)
      expect(performance.now() - started).toBeLessThan(1_500)
    }
  })
})
