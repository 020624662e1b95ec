import { act, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LogViewport } from './LogViewport'
import { ROW } from './layout'
import { LogRows } from './rows'
import { LogStore } from './store'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function show(count: number): HTMLElement {
  const store = new LogStore()
  store.append(
    Array.from({ length: count }, (_, index) => ({
      seq: index + 1,
      at: '2026-11-21T10:00:00Z',
      phase: 'execute',
      cell: null,
      stream: 'stdout',
      text: `\u001b[32mline\u001b[0m number ${index + 1}`,
    })),
  )
  const rows = new LogRows(store, { stream: null, phase: null })
  const nothing = () => undefined
  render(<LogViewport handle={null} store={store} rows={rows} version={1} wrap={false} range={null} onPick={nothing} query="" currentRow={-1} follow={false} onFollow={nothing} />)
  return screen.getByRole('region')
}

function scrollTo(region: HTMLElement, row: number): void {
  region.scrollTop = row * ROW
  fireEvent.scroll(region)
}

const links = () => screen.queryAllByRole('link').map((link) => link.textContent)

it('sketches lines that fly past, and draws them whole when the log rests', () => {
  const region = show(100_000)
  for (const row of [20_000, 40_000, 60_000]) scrollTo(region, row)
  expect(links()).toEqual([])
  screen.getByText('60001 out line number 60001')

  act(() => vi.advanceTimersByTime(1_000))
  expect(links()).toContain('60001')
  expect(screen.getAllByText('line').length).toBeGreaterThan(20)
})

it('draws lines whole after a single leap and while it is scrolled slowly', () => {
  const region = show(100_000)
  scrollTo(region, 50_000)
  expect(links()).toContain('50001')
  act(() => vi.advanceTimersByTime(1_000))
  for (const row of [50_001, 50_003, 50_005]) {
    scrollTo(region, row)
    expect(links()).toContain(String(row + 1))
  }
})
