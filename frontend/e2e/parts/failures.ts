import { expect, it } from 'vitest'
import { Notebook } from '../notebooks'
import { come, world } from '../world'

/** Enough cells before the one that fails that it does not happen to be in sight. */
const CELLS = 30

function padded(notebook: Notebook, last: string): Notebook {
  let cells = Notebook.cells()
  for (let number = 1; number <= CELLS; number += 1) cells = cells.code(`# step ${number}\nprint("step ${number}")\n\n\nvalue = ${number}`)
  return notebook.before('mlops:training', cells.code(last))
}

const failing = padded(Notebook.small('failing'), 'def weigh(total, parts):\n    return total / parts\n\nweigh(value, 0)')
const broken = Notebook.small('broken').with('mlops:config', () => 'MODEL_NAME = "bro" + "ken"\nVERSION = "1.0.0"')
const talkative = Notebook.cells().code('for step in range(9_000):\n    print("step", step)')
const held = Notebook.small('held')
  .with('mlops:config', (source) => `${source}\nGATES = ["accuracy >= 0.95", "accuracy < 1"]`)
  .before('mlops:training', talkative)

export function failures(): void {
  let ids = new Map<string, string>()
  const idOf = (path: string) => ids.get(path) ?? ''

  it('open at the failing cell, with its traceback', async () => {
    const project = await world.stack.project('failures')
    ids = await project.push({ 'failing.ipynb': failing.text(), 'broken.ipynb': broken.text(), 'held.ipynb': held.text() })
    expect(ids.size).toBe(3)
    expect((await world.stack.ended(idOf('failing.ipynb'))).status).toBe('failed')
    const { page } = await come()
    await page.goto(`/pipelines/${idOf('failing.ipynb')}`)
    const cell = page.getByRole('article').filter({ hasText: 'def weigh' })
    const traceback = cell.getByRole('group', { name: /^Error in cell/ })
    await traceback.getByText('ZeroDivisionError').first().waitFor()
    expect(await traceback.textContent()).toContain('total / parts')
    await expect.poll(() => inSight(traceback)).toBe(true)
    await page.getByText('execute failed:').waitFor()
    await page.getByRole('button', { name: 'Retry' }).waitFor()
    await page.goto('/')
    await page.getByRole('listitem').filter({ hasText: 'failing.ipynb' }).first().waitFor()
  })

  it('show what breaks the contract at its cell', async () => {
    expect((await world.stack.ended(idOf('broken.ipynb'))).status).toBe('failed')
    const { page } = await come()
    await page.goto(`/pipelines/${idOf('broken.ipynb')}`)
    const cell = page.getByRole('article', { name: broken.label('mlops:config') })
    await cell.getByText('MODEL_NAME must be a plain string literal').first().waitFor()
    await page.getByText('validate failed:').waitFor()
  })

  it('say of a gate in words why it does not hold, and serve nothing', async () => {
    const pipeline = await world.stack.ended(idOf('held.ipynb'))
    expect([pipeline.status, pipeline.deployed]).toEqual(['succeeded', false])
    const { page } = await come()
    await page.goto(`/pipelines/${pipeline.id}`)
    const gate = page.getByRole('listitem').filter({ hasText: 'accuracy >= 0.95' })
    await gate.getByText('does not hold').waitFor()
    expect(await gate.textContent()).toMatch(/0\.9\b/)
    await page.getByRole('listitem').filter({ hasText: 'accuracy < 1' }).getByText('holds', { exact: true }).waitFor()
    expect(await page.getByText('Deployed', { exact: true }).count()).toBe(0)
    await page.goto('/models/held')
    await page.getByText('Nothing serves here.').first().waitFor()
  })

  it('leave what a cell printed at length for those who ask', async () => {
    const { page } = await come()
    await page.goto(`/pipelines/${idOf('held.ipynb')}`)
    const cell = page.getByRole('article').filter({ hasText: 'for step in range(9_000)' })
    const output = cell.locator('pre').filter({ hasText: 'step 1\n' })
    await output.waitFor()
    expect(await output.textContent()).not.toContain('step 8999')
    await cell.getByRole('button', { name: /^Show all of it/ }).click()
    await output.filter({ hasText: 'step 8999' }).waitFor()
    expect(await cell.getByRole('button', { name: /^Show all of it/ }).count()).toBe(0)
  })

  it('may be wanted: a click cancels what runs', async () => {
    const project = await world.stack.project('cancelled')
    const endless = Notebook.small('cancelled').before('mlops:training', Notebook.cells().code('import time\nprint("begun", flush=True)\nwhile True:\n    time.sleep(0.1)'))
    const id = await project.pushOne('cancelled.ipynb', endless.text())
    const { page } = await come()
    await page.goto(`/pipelines/${id}`)
    await page.getByRole('region', { name: 'Log', exact: true }).getByText('begun', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('Cancelled', { exact: true }).first().waitFor()
    expect((await world.stack.ended(id)).status).toBe('cancelled')
    await page.getByRole('article', { name: 'Code cell 2' }).getByText('cancelled in cell 2').waitFor()
  })
}

/** Whether the browser shows some of an element within everything that scrolls around it. */
async function inSight(element: { evaluate: <T>(look: (node: Element) => T | Promise<T>) => Promise<T> }): Promise<boolean> {
  return element.evaluate(
    (node) =>
      new Promise<boolean>((resolve) => {
        const observer = new IntersectionObserver(([entry]) => {
          observer.disconnect()
          resolve(entry?.isIntersecting ?? false)
        })
        observer.observe(node)
      }),
  )
}
