import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { violations } from '../axe'
import { hold, Notebook } from '../notebooks'
import type { Project } from '../stack'
import { come, world } from '../world'

const MODEL = 'iris-species'
const SPECIES = /^(setosa|versicolor|virginica)$/

let project: Project

/** The example, which waits before its training until `released` is there. */
function iris(version: string, released?: string): Notebook {
  const example = Notebook.example(MODEL).with('mlops:config', (source) => source.replace('1.0.0', version))
  return released ? example.before('mlops:training', Notebook.cells().code(hold(released, 'waiting for the test'))) : example
}

async function open(path: string): Promise<Page> {
  const { page } = await come()
  await page.goto(path)
  return page
}

const environment = (page: Page, name: string) => page.getByRole('region', { name, exact: true })

/** Promotes or rolls back with the button of an environment. */
async function change(page: Page, from: string, button: RegExp, word?: string): Promise<void> {
  await environment(page, from).getByRole('button', { name: button }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('table', { name: 'What changes' }).waitFor()
  const submit = dialog.getByRole('button', { name: /^(Promote to|Roll back)/ })
  if (word) {
    expect(await submit.isDisabled()).toBe(true)
    await dialog.getByRole('textbox').fill('prod')
    expect(await submit.isDisabled()).toBe(true)
    await dialog.getByRole('textbox').fill(word)
  }
  await submit.click()
  await dialog.waitFor({ state: 'hidden', timeout: 90_000 })
}

async function serves(page: Page, name: string, version: number): Promise<void> {
  await environment(page, name).getByText(`Version ${version}`).waitFor()
}

export function story(): void {
  it('begins with what to do first', async () => {
    const page = await open('/')
    await page.getByRole('heading', { name: 'Push your first notebook' }).waitFor()
    await page.getByText('mlsys push', { exact: true }).waitFor()
    expect(await violations(page)).toEqual([])
    for (const [path, says] of [
      ['/pipelines', 'No pipelines yet'],
      ['/models', 'No model'],
      ['/repositories', 'No repository yet'],
    ] as const) {
      await page.goto(path)
      await page.getByRole('heading', { name: says }).waitFor()
    }
  })

  it('adds a local repository through the page', async () => {
    project = await world.stack.project('iris')
    const page = await open('/')
    await page.getByRole('link', { name: 'Add a repository' }).click()
    const dialog = page.getByRole('dialog', { name: 'Add a repository' })
    await dialog.getByLabel('Repository', { exact: true }).fill('local/iris')
    await dialog.getByText('No branch matches').waitFor()
    await dialog.getByRole('button', { name: 'Add repository' }).click()
    await page.getByRole('heading', { level: 1, name: 'local/iris' }).waitFor()
    await page.goto('/repositories')
    await page.getByRole('link', { name: 'local/iris', exact: true }).waitFor()
  })

  it('shows a push go live on the open dashboard, from phase to phase and cell to cell, up to its model', async () => {
    const released = join(world.stack.home, 'released')
    const page = await open('/')
    await page.getByRole('heading', { name: 'Push your first notebook' }).waitFor()
    await page.evaluate(() => Object.assign(window, { sameDocument: true }))

    const notebook = iris('1.0.0', released)
    await project.pushOne('iris.ipynb', notebook.text())
    const running = page.getByRole('listitem').filter({ hasText: 'iris.ipynb' }).filter({ hasText: 'execute' })
    await running.getByRole('link').click()

    const phases = page.getByRole('region', { name: 'Phases' }).getByRole('listitem')
    await phases.filter({ hasText: 'validate' }).getByText('Succeeded').waitFor()
    await phases.filter({ hasText: 'execute' }).getByText('Running').waitFor()
    await phases.filter({ hasText: 'deploy' }).getByText('Pending').waitFor()
    const training = page.getByRole('article', { name: notebook.label('mlops:training') })
    const held = page.getByRole('article').filter({ hasText: 'pathlib.Path' })
    await held.getByText('Running').first().waitFor()
    await held.getByText('waiting for the test', { exact: true }).waitFor()
    expect(await training.getByText('Done').count()).toBe(0)
    const log = page.getByRole('region', { name: 'Log', exact: true })
    await log.getByText('Log live').waitFor({ state: 'attached' })
    await log.getByText('waiting for the test', { exact: true }).waitFor()

    writeFileSync(released, '')
    await training.getByText('Done').waitFor({ state: 'attached' })
    await page.getByText('Deployed', { exact: true }).waitFor({ timeout: 90_000 })
    for (const phase of ['download', 'validate', 'execute', 'register', 'deploy']) {
      await phases.filter({ hasText: phase }).getByText('Succeeded').waitFor()
    }
    await log.getByText('Log ended').waitFor({ state: 'attached' })
    await page.getByText('accuracy >= 0.9', { exact: true }).waitFor()
    expect(await page.getByText('holds', { exact: true }).count()).toBe(2)
    expect(await page.evaluate(() => 'sameDocument' in window)).toBe(true)

    await page.getByRole('link', { name: `${MODEL}, version 1` }).click()
    await page.getByRole('heading', { level: 1, name: MODEL }).waitFor()
    await serves(page, 'dev', 1)
    await page.goto('/')
    await page.getByRole('row', { name: /iris-species.*v1/ }).waitFor()
  })

  it('tries the model with the example filled in', async () => {
    const page = await open(`/models/${MODEL}?tab=try`)
    const field = page.getByLabel('petal_length', { exact: true })
    await field.waitFor()
    expect(Number(await field.inputValue())).toBeGreaterThan(0)
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.getByText('Version 1 answered').waitFor()
    expect(await page.locator('output').textContent()).toMatch(SPECIES)
    const call = page.getByLabel('The call in curl')
    expect(await call.textContent()).toContain(`${world.wire.address}/models/${MODEL}/predict`)
    await field.fill('long')
    await page.getByRole('button', { name: 'Predict' }).click()
    await page
      .getByText(/number/i)
      .and(page.locator('.text-danger'))
      .waitFor()
  })

  it('promotes to production with the typed word only, and rolls back', async () => {
    const page = await open(`/models/${MODEL}`)
    await change(page, 'dev', /Promote to staging/)
    await serves(page, 'staging', 1)
    await change(page, 'staging', /Promote to prod/, 'production')
    await serves(page, 'prod', 1)

    await world.stack.ended(await project.pushOne('iris.ipynb', iris('1.1.0').text()))
    await serves(page, 'dev', 2)
    await change(page, 'dev', /Promote to staging/)
    await change(page, 'staging', /Promote to prod/, 'production')
    await serves(page, 'prod', 2)

    await page.getByRole('tab', { name: 'Try it' }).click()
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.getByText('Version 2 answered').waitFor()
    expect(await page.locator('output').textContent()).toMatch(SPECIES)

    await change(page, 'prod', /Roll back to 1/, 'production')
    await serves(page, 'prod', 1)
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.getByText('Version 1 answered').waitFor()

    await page.getByRole('tab', { name: 'Traffic' }).click()
    await page.getByRole('table', { name: 'Traffic by version' }).getByText('Version 1').waitFor()
    await page.getByRole('tab', { name: 'History' }).click()
    const history = page.getByRole('table', { name: 'Deployments' }).getByRole('row')
    await history.filter({ hasText: 'Rolled back' }).waitFor()
    // Two versions in three environments, and the way back; above them the heads of the columns.
    expect(await history.count()).toBe(1 + 7)
  })

  it('tries a version beside the one that serves, with the slider, and promotes it', async () => {
    const page = await open(`/models/${MODEL}?tab=traffic`)
    const place = page.getByRole('region', { name: 'Traffic in dev' })
    await place.getByRole('button', { name: 'Try a version here…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Try a version in dev' })
    await dialog.getByRole('spinbutton', { name: 'Share of the requests' }).fill('0')
    await dialog.getByRole('spinbutton', { name: 'Shadow' }).fill('100')
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Try it' }).click()
    await dialog.waitFor({ state: 'hidden', timeout: 90_000 })
    const shares = place.getByRole('list', { name: 'Shares in dev' }).getByRole('listitem')
    await shares.filter({ hasText: 'Version 2' }).getByText('100 %').waitFor()
    await shares.filter({ hasText: 'Version 1' }).getByText('tried').waitFor()

    await predict('Version 2 answered')
    await place.getByText(/% of \d+ rows/).waitFor()

    const slider = place.getByRole('slider', { name: 'Share of version 1, slider' })
    await slider.press('End')
    await place.getByRole('button', { name: 'Apply' }).click()
    await shares.filter({ hasText: 'Version 1' }).getByText('100 %').waitFor()
    await predict('Version 1 answered')
    await place.getByRole('table', { name: 'Comparison in dev' }).getByRole('row', { name: /^p50/ }).getByText(/ms|µs/).first().waitFor()

    await place.getByRole('button', { name: 'Promote' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await shares.filter({ hasText: 'Version 2' }).getByText('stands by').waitFor()
    expect(await shares.first().textContent()).toMatch(/Version 1\s*100 %/)
  })
}

/** Has the example answered in dev, from a page of its own. */
async function predict(says: string): Promise<void> {
  const page = await open(`/models/${MODEL}?tab=try`)
  await page.getByRole('combobox', { name: 'Ask' }).selectOption('env dev')
  await page.getByRole('button', { name: 'Predict' }).click()
  await page.getByText(says).waitFor()
}
