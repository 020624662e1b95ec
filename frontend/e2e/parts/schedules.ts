import { expect, it } from 'vitest'
import { violations } from '../axe'
import { come, world } from '../world'

/** The model of the story, the table that the part before has planted, and one of its own. */
const MODEL = 'iris-species'
const FLOWERS = 'local.garden.flowers'
const SCORED = 'local.garden.scheduled'
const NAME = `${MODEL}-predictions-dev`

interface Listed<T> {
  items: T[]
}

/** Makes one as others than the dashboard do. */
async function make(body: object): Promise<{ id: string; name: string }> {
  const answer = await world.stack.fetch('/api/schedules', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  expect(answer.status).toBe(201)
  return (await answer.json()) as { id: string; name: string }
}

export function schedules(): void {
  it('are none at first, and the page says what they are for', async () => {
    const { page } = await come()
    await page.goto('/schedules')
    await page.getByRole('heading', { name: 'No schedule yet' }).waitFor()
    await page.getByText('mlsys schedules create --help', { exact: true }).waitFor()
    expect(await violations(page)).toEqual([])
  })

  it('have a table scored when somebody runs one, are paused, and go when they are deleted', async () => {
    const { page } = await come()
    await page.goto('/schedules')
    await page.getByRole('button', { name: 'New schedule' }).click()
    const dialog = page.getByRole('dialog', { name: 'New schedule' })
    const field = (label: string) => dialog.getByLabel(label, { exact: true })
    await field('Model').fill(MODEL)
    await dialog.getByLabel('Environment').selectOption('dev')
    await field('Input table').fill(FLOWERS)
    await field('Output table').fill(SCORED)
    // Once a month, so that none comes by itself while this looks; ten months have both offsets.
    await dialog.getByRole('button', { name: 'Monthly' }).click()
    await field('Time zone').selectOption('Europe/Berlin')
    const next = dialog.getByRole('list', { name: 'Next firings' }).getByRole('listitem')
    await next
      .filter({ hasText: /, 06:00 UTC\+0[12]:00/ })
      .nth(9)
      .waitFor()
    for (const offset of ['UTC+01:00', 'UTC+02:00']) await next.filter({ hasText: offset }).first().waitFor()
    expect(await field('Name').inputValue()).toBe(NAME)
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Create' }).click()

    await page.waitForURL('**/schedules/*')
    await page.getByRole('heading', { level: 1, name: NAME }).waitFor()
    await page.getByRole('heading', { name: 'It has not fired yet' }).waitFor()
    const id = new URL(page.url()).pathname.split('/').at(-1)
    await page.getByRole('button', { name: 'Run now' }).click()
    const firing = page.getByRole('table', { name: 'Firings' }).getByRole('row').filter({ hasText: 'Run by hand' })
    await firing.getByText('Succeeded', { exact: true }).waitFor({ timeout: 90_000 })
    expect(await violations(page)).toEqual([])
    const { items } = await world.stack.get<Listed<{ cause: string; status: string; batch_id: string }>>(`/api/schedules/${id}/firings`)
    expect(items.map(({ cause, status }) => [cause, status])).toEqual([['manual', 'succeeded']])
    await firing.getByRole('link', { name: 'Batch prediction' }).click()
    await page.waitForURL(`**/batch-predictions/${items[0]?.batch_id}`)
    await page.getByRole('heading', { level: 1, name: new RegExp(`^${MODEL} v\\d+ on ${FLOWERS}$`) }).waitFor()
    await page.getByText('Succeeded', { exact: true }).first().waitFor()

    await page.goto(`/schedules/${id}`)
    await page.getByRole('button', { name: 'Edit' }).click()
    const edit = page.getByRole('dialog', { name: `Edit ${NAME}` })
    expect(await edit.getByLabel('Model', { exact: true }).isEditable()).toBe(false)
    await edit.getByLabel('Cron pattern', { exact: true }).fill('0 6 2 * *')
    const asked = page.waitForRequest((request) => request.method() === 'PATCH')
    await edit.getByRole('button', { name: 'Save' }).click()
    // What was not touched is not asked for, so that who may not change it can change the rest.
    expect((await asked).postDataJSON()).toEqual({ cron: '0 6 2 * *' })
    await edit.waitFor({ state: 'hidden' })
    await page.getByText('0 6 2 * *', { exact: true }).waitFor()

    await page.goto('/schedules')
    const row = page.getByRole('row').filter({ hasText: NAME })
    await row.getByText('Succeeded', { exact: true }).waitFor()
    await row.getByRole('button', { name: `Pause: ${NAME}` }).click()
    await row.getByRole('button', { name: `Resume: ${NAME}` }).waitFor()
    await row.getByRole('link', { name: NAME }).first().click()
    await page.getByText('None: it is paused.', { exact: false }).waitFor()

    await page.getByRole('button', { name: 'Delete' }).click()
    await page
      .getByRole('dialog', { name: `Delete ${NAME}?` })
      .getByRole('button', { name: 'Delete' })
      .click()
    await page.waitForURL('**/schedules')
    await page.getByRole('heading', { name: 'No schedule yet' }).waitFor()
    expect((await world.stack.fetch(`/api/schedules/${id}`)).status).toBe(404)
  })

  it('whose pattern can’t be read say so at its field', async () => {
    const { page } = await come()
    await page.goto('/schedules?new=')
    const dialog = page.getByRole('dialog')
    const pattern = dialog.getByLabel('Cron pattern', { exact: true })
    await pattern.fill('61 2 * * *')
    await pattern.and(page.locator('[aria-invalid=true]')).waitFor()
    await dialog.getByRole('button', { name: 'Hourly' }).click()
    await pattern.and(page.locator('[aria-invalid=false]')).waitFor()
    await dialog.getByRole('list', { name: 'Next firings' }).waitFor()
  })

  it('whose notebook can’t run say so at the field that names it, and are called what the API calls them', async () => {
    const { page } = await come()
    await page.goto('/schedules?new=')
    const dialog = page.getByRole('dialog', { name: 'New schedule' })
    const field = (label: string) => dialog.getByLabel(label, { exact: true })
    await field('What is done').selectOption('retraining')
    await field('Repository').fill('local/iris')
    await field('Notebook').fill('iris.ipynb')
    await dialog.getByLabel('Paused at first', { exact: false }).check()
    for (const [label, wrong, right, says] of [
      ['Repository', 'local/nothing', 'local/iris', /^local\/nothing is not registered/],
      ['Branch', 'nowhere', 'main', /^local\/iris has no branch nowhere/],
      ['Branch', 'two words', 'main', /must be the name of a branch/],
      ['Notebook', 'iris.py', 'iris.ipynb', /must be the path of an \.ipynb file/],
    ] as const) {
      await field(label).fill(wrong)
      await dialog.getByRole('button', { name: 'Create' }).click()
      await field(label).and(page.locator('[aria-invalid=true]')).and(page.locator(':focus')).waitFor()
      await dialog.getByText(says).waitFor()
      await field(label).fill(right)
      await field(label).and(page.locator('[aria-invalid=false]')).waitFor()
    }
    await field('Firings that were missed').selectOption('all')
    await field('If the one before still runs').selectOption('replace')
    await field('Firings that were missed').and(page.locator('[aria-invalid=true]')).waitFor()
    expect(await violations(page)).toEqual([])
    await field('If the one before still runs').selectOption('queue')
    const name = await field('Name').inputValue()
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { level: 1, name }).waitFor()

    const path = `/api/schedules/${new URL(page.url()).pathname.split('/').at(-1)}`
    const { work } = await world.stack.get<{ work: object }>(path)
    await world.stack.fetch(path, { method: 'DELETE' })
    const made = await make({ work, cron: '0 6 1 1 *', paused: true })
    expect(made.name).toBe(name)
    await world.stack.fetch(`/api/schedules/${made.id}`, { method: 'DELETE' })
  })

  it('have a calendar that is walked with the keyboard', async () => {
    // It stays, paused, for whoever looks at each page later.
    const { id } = await make({ name: 'kept', work: { kind: 'retention' }, cron: '0 6 * * *', paused: true })
    const { page } = await come()
    await page.goto(`/schedules/${id}`)
    const grid = page.getByRole('grid')
    const month = await grid.getAttribute('aria-labelledby')
    const title = page.locator(`[id="${month}"]`)
    const present = await title.textContent()
    await grid.locator('[tabindex="0"]').focus()
    await page.keyboard.press('PageUp')
    await title.filter({ hasNotText: present ?? '' }).waitFor()
    await page.keyboard.press('Home')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/schedules\/[^/]+\?day=/)
    await page.getByRole('button', { name: 'Show all days' }).click()
    await page.getByRole('button', { name: 'Today' }).click()
    await title.filter({ hasText: present ?? '' }).waitFor()
  })

  it('make up for moments of the past, one after the other, after a look at how many those are', async () => {
    const { page } = await come()
    await page.goto('/schedules')
    await page.getByRole('link', { name: 'kept' }).first().click()
    await page.getByRole('button', { name: 'Back-fill' }).click()
    const dialog = page.getByRole('dialog', { name: 'Back-fill kept' })
    const day = (ago: number) => new Date(Date.now() - ago * 24 * 60 * 60 * 1000).toISOString().slice(0, 10)
    const [from, to] = [`${day(10)}T00:00`, `${day(8)}T06:00`]
    await dialog.getByLabel('From').fill(from)
    await dialog.getByLabel('To, not included').fill(to)
    await dialog.getByRole('button', { name: 'Check' }).click()
    await dialog.getByText(/^2 firings, from .* 06:00 UTC to .* 06:00 UTC/).waitFor()
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Back-fill' }).click()
    await dialog.waitFor({ state: 'hidden' })
    const made = page.getByRole('table', { name: 'Firings' }).getByRole('row').filter({ hasText: 'Back-fill' })
    await made.filter({ hasText: 'Succeeded' }).nth(1).waitFor({ timeout: 60_000 })
    expect(await made.count()).toBe(2)

    await page.getByRole('button', { name: 'Back-fill' }).click()
    await dialog.getByLabel('From').fill(from)
    await dialog.getByLabel('To, not included').fill(to)
    await dialog.getByRole('button', { name: 'Check' }).click()
    await dialog.getByText('No firing is missing between the two.').waitFor()
  })
}
