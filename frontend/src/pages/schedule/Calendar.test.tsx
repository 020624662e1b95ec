import { fireEvent, render, screen, within } from '@testing-library/react'
import { useState } from 'react'
import { expect, it } from 'vitest'
import { Calendar, dayAfterKey } from './Calendar'
import type { Day, DaySummary } from './days'

const days = new Map<Day, DaySummary>([
  ['2026-03-26', { counts: { succeeded: 4 }, planned: 0 }],
  ['2026-03-28', { counts: { succeeded: 23, failed: 1, skipped: 2 }, planned: 0 }],
  ['2026-03-29', { counts: { running: 1 }, planned: 3 }],
])

function Example({ loadedDownTo = null }: { loadedDownTo?: string | null }) {
  const [chosen, setChosen] = useState<Day | null>(null)
  const [looked, setLooked] = useState('')
  return (
    <>
      <Calendar today="2026-03-29" days={days} zone="Europe/Berlin" loadedDownTo={loadedDownTo} chosen={chosen} onChoose={setChosen} onLook={setLooked} />
      <output>{`${chosen} ${looked}`}</output>
    </>
  )
}

const day = (name: RegExp) => screen.getByRole<HTMLButtonElement>('button', { name })
const focused = () => document.activeElement?.textContent ?? ''
const press = (key: string) => fireEvent.keyDown(document.activeElement ?? document.body, { key })
const state = () => screen.getByRole('status').textContent

it('says of each day how its firings went and what is to come', () => {
  render(<Example />)
  expect(
    within(screen.getByRole('grid', { name: 'March 2026' }))
      .getAllByRole('columnheader')
      .map((head) => head.textContent),
  ).toEqual(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'])
  expect(day(/^Saturday, March 28/).textContent).toContain('Saturday, March 28, 2026: 23 succeeded, 1 failed, 2 skipped')
  const today = day(/^Sunday, March 29/)
  expect([today.textContent?.includes('1 running, 3 to come'), today.getAttribute('aria-current')]).toEqual([true, 'date'])
  expect(day(/^Friday, March 27/).textContent).toContain('no firing')
})

it('has one day in the tab order, and walks from it with the arrow keys', () => {
  render(<Example />)
  const inOrder = () => screen.getAllByRole('button').filter((one) => one.tabIndex === 0 && one.closest('[role=grid]'))
  expect(inOrder().map((one) => one.textContent?.slice(0, 16))).toEqual(['Sunday, March 29'])
  day(/^Sunday, March 29/).focus()
  press('ArrowLeft')
  expect(focused()).toMatch(/^Saturday, March 28/)
  press('ArrowUp')
  expect(focused()).toMatch(/^Saturday, March 21/)
  press('Home')
  expect(focused()).toMatch(/^Monday, March 16/)
  press('End')
  expect(focused()).toMatch(/^Sunday, March 22/)
  expect(inOrder()).toHaveLength(1)
})

it('walks into other months, which it then shows', () => {
  render(<Example />)
  day(/^Sunday, March 29/).focus()
  press('ArrowDown')
  expect([focused().slice(0, 15), screen.getByRole('grid', { name: 'April 2026' })]).toHaveLength(2)
  expect(focused()).toMatch(/^Sunday, April 5/)
  expect(state()).toBe('null 2026-04-05')
  press('PageUp')
  press('PageUp')
  expect(focused()).toMatch(/^Thursday, February 5/)
  press('a')
  expect(focused()).toMatch(/^Thursday, February 5/)
})

it('turns to other months with its buttons, which keep the focus, and back to today', () => {
  render(<Example />)
  const previous = screen.getByRole('button', { name: 'Previous month' })
  previous.focus()
  fireEvent.click(previous)
  fireEvent.click(previous)
  expect(screen.getByRole('grid', { name: 'January 2026' })).toBeTruthy()
  expect(document.activeElement).toBe(previous)
  fireEvent.click(screen.getByRole('button', { name: 'Next month' }))
  expect(screen.getByRole('grid', { name: 'February 2026' })).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Today' }))
  expect(screen.getByRole('grid', { name: 'March 2026' })).toBeTruthy()
  expect(screen.queryByRole('button', { name: 'Today' })).toBeNull()
})

it('chooses a day, and lets go of it', () => {
  render(<Example />)
  fireEvent.click(day(/^Saturday, March 28/))
  expect([state()?.startsWith('2026-03-28'), day(/^Saturday, March 28/).getAttribute('aria-pressed')]).toEqual([true, 'true'])
  fireEvent.click(day(/^Saturday, March 28/))
  expect(state()?.startsWith('null')).toBe(true)
})

it('says where not everything is loaded', () => {
  // Half past midnight of the 26th in Berlin.
  render(<Example loadedDownTo="2026-03-25T23:30:00Z" />)
  expect(day(/^Wednesday, March 25/).textContent).toContain('not loaded')
  expect(day(/^Thursday, March 26/).textContent).toContain('4 succeeded, and others that are not loaded')
  expect(day(/^Friday, March 27/).textContent).toContain('no firing')
  // What is to come is not what is missing.
  expect(day(/^Monday, March 30/).textContent).not.toContain('not loaded')
})

it('knows no other keys', () => {
  expect(['Enter', ' ', 'Tab', 'j'].map((key) => dayAfterKey(key, '2026-03-29'))).toEqual([null, null, null, null])
})
