import { describe, expect, it, vi } from 'vitest'
import type { LogLine } from '../api/types'
import { LogLayout, ROW, scrollScale, TALLEST } from './layout'
import { LogRows } from './rows'
import { LogSearch } from './search'
import { extendRange, parseRange, rangeHash } from './selection'
import { LogStore } from './store'
import { columnsOf, normalise } from './text'

function line(seq: number, more: Partial<LogLine> = {}): LogLine {
  return { seq, at: '2026-11-21T10:00:00Z', phase: 'execute', cell: null, stream: 'stdout', text: `line ${seq}`, ...more }
}

function filled(count: number, make: (seq: number) => Partial<LogLine> = () => ({}), capacity = {}): LogStore {
  const store = new LogStore(capacity)
  store.append(Array.from({ length: count }, (_, index) => line(index + 1, make(index + 1))))
  return store
}

const all = { stream: null, phase: null }

describe('LogStore', () => {
  it('gives back what it was given', () => {
    const store = filled(2_000, (seq) => (seq === 1_500 ? { stream: 'error', phase: 'deploy', cell: 7 } : {}))
    expect([store.length, store.last]).toEqual([2_000, 2_000])
    expect([store.stream(1_499), store.phase(1_499), store.cell(1_499)]).toEqual(['error', 'deploy', 7])
    expect([store.stream(0), store.phase(0), store.cell(0)]).toEqual(['stdout', 'execute', null])
    expect(store.at(0)).toBe(Date.parse('2026-11-21T10:00:00Z'))
  })

  it('takes only lines that follow the last one', () => {
    const store = filled(3)
    store.append([line(3), line(5), line(4)])
    expect(store.last).toBe(4)
  })

  it('lets the oldest lines go beyond its capacity', () => {
    const store = filled(1_001, () => ({}), { lines: 1_000 })
    expect(store.length).toBe(900)
    expect(store.dropped).toBe(101)
    expect(store.text(0)).toBe('line 102')
    store.append([line(1_002, { stream: 'stderr' })])
    expect(store.last).toBe(1_002)
    expect([store.text(900), store.stream(900)]).toEqual(['line 1002', 'stderr'])
  })

  it('lets the oldest lines go beyond its characters', () => {
    const store = filled(11, () => ({ text: 'x'.repeat(100) }), { characters: 1_000 })
    expect([store.length, store.dropped]).toEqual([9, 2])
    store.append([line(12, { text: 'y'.repeat(2_000) })])
    expect([store.length, store.last]).toEqual([0, 12])
    store.append([line(13)])
    expect([store.length, store.dropped, store.text(0)]).toEqual([1, 12, 'line 13'])
  })

  it('collects contract violations', () => {
    const violation = { cell: 1, line: 2, text: 'x', problem: 'No.', fix: 'Do.' }
    const store = filled(2, (seq) => (seq === 2 ? { data: { violation } } : { data: { other: 1 } }))
    expect(store.violations).toEqual([violation])
  })

  it('notifies once a frame', async () => {
    const store = new LogStore()
    const heard = vi.fn()
    store.subscribe(heard)
    for (let seq = 1; seq <= 50; seq += 1) store.append([line(seq)])
    expect(heard).not.toHaveBeenCalled()
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1))
    expect(store.snapshot()).toBe(1)
  })
})

describe('text', () => {
  it('shows what a terminal would leave', () => {
    expect(normalise(' 10%\r 50%\r100%\r')).toBe('100%')
    expect(normalise('a\tb')).toBe('a       b')
    expect(normalise('one\ntwo')).toBe('one ⏎ two')
  })

  it('counts columns', () => {
    expect(columnsOf('abc')).toBe(3)
    expect(columnsOf('äöü')).toBe(3)
    expect(columnsOf('漢字')).toBe(4)
    expect(columnsOf('😀')).toBe(3)
  })
})

describe('LogRows', () => {
  it('filters by stream and phase, and follows the store', () => {
    const store = filled(10, (seq) => ({ stream: seq % 3 === 0 ? 'stderr' : 'stdout', phase: seq > 5 ? 'deploy' : 'execute' }))
    const rows = new LogRows(store, { stream: 'stderr', phase: 'deploy' })
    expect([rows.length, rows.seq(0), rows.seq(1)]).toEqual([2, 6, 9])
    store.append([line(11), line(12, { stream: 'stderr', phase: 'deploy' })])
    rows.update()
    expect(rows.length).toBe(3)
    expect([rows.rowOf(1), rows.rowOf(9), rows.rowOf(10), rows.rowOf(13)]).toEqual([0, 1, 2, 3])
  })
})

describe('LogLayout', () => {
  it('is arithmetic without wrapping', () => {
    const store = filled(100)
    const layout = new LogLayout(store, new LogRows(store, all), null)
    expect([layout.height, layout.top(7), layout.rowAt(145), layout.rowAt(1e9)]).toEqual([2_000, 140, 7, 99])
  })

  it('wraps by the number of columns', () => {
    const store = filled(4, (seq) => ({ text: 'x'.repeat(seq * 30) }))
    const layout = new LogLayout(store, new LogRows(store, all), 50)
    layout.update(new Set())
    expect([0, 1, 2, 3].map((row) => layout.heightOf(row) / ROW)).toEqual([1, 2, 2, 3])
    expect([layout.rowAt(0), layout.rowAt(ROW), layout.rowAt(ROW * 3), layout.rowAt(ROW * 7.5)]).toEqual([0, 1, 2, 3])
  })

  it('gives cut lines room for what is shown of them', () => {
    const store = filled(1, () => ({ text: 'x'.repeat(10_000) }))
    const layout = new LogLayout(store, new LogRows(store, all), 100)
    layout.update(new Set())
    expect(layout.height / ROW).toBe(21)
    layout.update(new Set([1]), 0)
    expect(layout.height / ROW).toBe(101)
  })

  it('scales what is taller than browsers allow', () => {
    const { shown, toContent, toScroll } = scrollScale(TALLEST * 2, 500)
    expect(shown).toBe(TALLEST)
    expect(toContent(TALLEST - 500)).toBeCloseTo(TALLEST * 2 - 500)
    expect(toScroll(toContent(12_345))).toBeCloseTo(12_345)
  })
})

describe('LogSearch', () => {
  it('finds lines in any case, through colours, and goes around', async () => {
    const store = filled(9_000, (seq) => (seq % 4_000 === 0 ? { text: 'a \u001b[31mWar\u001b[0mning (1+1)' } : {}))
    const search = new LogSearch(store, new LogRows(store, all), 'WARNING (1+', () => undefined)
    await vi.waitFor(() => expect(search.done).toBe(true))
    expect(search.matches).toEqual([3_999, 7_999])
    expect([search.next(0, 1), search.next(3_999, 1), search.next(8_000, 1), search.next(0, -1)]).toEqual([0, 1, 0, 1])
  })
})

describe('line addresses', () => {
  it('are read and written', () => {
    expect(parseRange('#L12')).toEqual({ first: 12, last: 12 })
    expect(parseRange('#L40-L12')).toEqual({ first: 12, last: 40 })
    for (const bad of ['', '#L', '#L0', '#main', '#L1x', '#L1-L2-L3']) expect(parseRange(bad)).toBeNull()
    expect(rangeHash({ first: 3, last: 9 })).toBe('#L3-L9')
  })

  it('extend with shift', () => {
    expect(extendRange({ first: 5, last: 5 }, 9, true)).toEqual({ first: 5, last: 9 })
    expect(extendRange({ first: 5, last: 9 }, 2, true)).toEqual({ first: 2, last: 9 })
    expect(extendRange({ first: 5, last: 9 }, 7, false)).toEqual({ first: 7, last: 7 })
  })
})
