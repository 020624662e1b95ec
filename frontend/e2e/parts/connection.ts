import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterEach, expect, it } from 'vitest'
import { count, Notebook } from '../notebooks'
import type { Project } from '../stack'
import { until } from '../until'
import { come, world } from '../world'

/** So many lines come between two steps of a test. */
const SOME = 100

let project: Project | null = null

interface Counting {
  id: string
  /** Lets the notebook come to its end. */
  release: () => void
}

/** Pushes a notebook that prints numbered lines until it is released. */
async function counting(name: string): Promise<Counting> {
  project ??= await world.stack.project('counting')
  const released = join(world.stack.home, `released-${name}`)
  const cells = Notebook.cells().code(count(released, SOME))
  const id = await project.pushOne(`${name}.ipynb`, Notebook.small(name).before('mlops:training', cells).text())
  return { id, release: () => writeFileSync(released, '') }
}

const log = (page: Page) => page.getByRole('region', { name: 'Log', exact: true })

async function state(page: Page, word: string): Promise<void> {
  // Longer than a page that was refused for a while waits before it tries a socket again.
  await log(page).getByText(`Log ${word}`, { exact: true }).waitFor({ state: 'attached', timeout: 60_000 })
}

/** The number of the last line that the page shows, which follows the log. */
async function lastSeen(page: Page): Promise<number> {
  const numbers = await log(page)
    .locator('[data-line]')
    .evaluateAll((links) => links.map((link) => Number(link.getAttribute('data-line'))))
  return Math.max(0, ...numbers)
}

/** Waits until the page shows more lines than before. */
async function grows(page: Page): Promise<void> {
  const before = await lastSeen(page)
  await until('more lines on the page', async () => (await lastSeen(page)) > before)
}

/** Waits until more lines are stored, whatever the page may know of them. */
async function goesOn(id: string): Promise<void> {
  const before = (await world.stack.pipeline(id)).log_lines
  await until('more lines in the log', async () => (await world.stack.pipeline(id)).log_lines >= before + SOME)
}

/** The page's whole log must be the stored one: each line once, in order. */
async function expectWhole(page: Page, id: string): Promise<void> {
  await state(page, 'ended')
  await log(page).getByRole('button', { name: 'Copy the whole log' }).click()
  const shown = (await page.evaluate(() => navigator.clipboard.readText())).split('\n')
  const ticks = shown.filter((line) => line.startsWith('tick '))
  expect(ticks.length).toBeGreaterThan(SOME)
  expect(ticks).toEqual(ticks.map((_, index) => `tick ${String(index + 1).padStart(5, '0')}`))
  expect(shown).toEqual((await world.stack.lines(id)).map((line) => line.text))
}

const permissions = ['clipboard-read', 'clipboard-write']

export function connection(): void {
  afterEach(() => {
    world.wire.mend()
    world.wire.refusesSockets = false
  })

  it('may be cut in the middle of a log: no line is lost or doubled', async () => {
    const { id, release } = await counting('cut')
    const { page, context } = await come({ permissions })
    await page.goto(`/pipelines/${id}`)
    await state(page, 'live')
    await grows(page)

    world.wire.cut()
    await state(page, 'reconnecting')
    await goesOn(id)
    world.wire.mend()
    await state(page, 'live')
    await grows(page)

    // The browser knows itself that there is no network.
    await context.setOffline(true)
    world.wire.cut()
    await state(page, 'reconnecting')
    await goesOn(id)
    world.wire.mend()
    await context.setOffline(false)
    await state(page, 'live')
    await grows(page)

    // The end comes while nobody can hear it.
    world.wire.cut()
    await state(page, 'reconnecting')
    release()
    expect((await world.stack.ended(id)).status).toBe('succeeded')
    world.wire.mend()
    await page.getByText('Deployed', { exact: true }).waitFor()
    await expectWhole(page, id)
  })

  it('may know no WebSockets: the log is polled, and as whole', async () => {
    world.wire.refusesSockets = true
    const { id, release } = await counting('polled')
    const { page } = await come({ permissions })
    await page.goto(`/pipelines/${id}`)
    await state(page, 'polling')
    await grows(page)
    await grows(page)
    release()
    await expectWhole(page, id)
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  it('opens no WebSocket for a pipeline that has ended', async () => {
    const [newest] = (await world.stack.get<{ items: { id: string; status: string }[] }>('/api/pipelines?limit=1')).items
    expect(newest?.status).toBe('succeeded')
    const { page, requests } = await come()
    await page.goto(`/pipelines/${newest?.id}`)
    await state(page, 'ended')
    expect(requests.filter((url) => url.startsWith('ws'))).toEqual([])
  })
}
