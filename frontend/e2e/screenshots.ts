import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Browser } from 'playwright-core'
import { launch, visit } from './browser'
import { count, Notebook } from './notebooks'
import { places } from './places'
import { root, Stack } from './stack'
import { until } from './until'

const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
  { name: 'narrow-dark', colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const

/** Takes a picture of each page, from an mlsys that has run notebooks, into a folder. */
export async function main([folder = 'target/screenshots']: string[]): Promise<void> {
  const into = resolve(root, folder)
  const stack = await Stack.start()
  try {
    const browser = await launch()
    try {
      await shoot(browser, stack, into, 'empty')
      await fill(stack)
      await shoot(browser, stack, into)
    } finally {
      await browser.close()
    }
  } finally {
    await stack.stop()
  }
  console.log(`The pictures are in ${into}`)
}

/** Models of several versions in several environments, failures, and something that runs. */
async function fill(stack: Stack): Promise<void> {
  const project = await stack.project('models')
  const examples = ['iris-species', 'house-price-regression']
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
    const changed = examples.map((name) => [
      `${name}.ipynb`,
      Notebook.example(name)
        .with('mlops:config', (source) => source.replace('1.0.0', version))
        .text(),
    ])
    for (const id of (await project.push(Object.fromEntries(changed))).values()) await stack.ended(id)
    if (version === '1.1.0') await promote(stack, 'iris-species')
  }
  const failing = Notebook.example('iris-species').before('mlops:training', Notebook.cells().code('weights = species.map({"setosa": 1})\n1 / weights["virginica"]'))
  const broken = Notebook.small('churn').with('mlops:config', () => 'MODEL_NAME = "churn" + "-model"\nVERSION = "1.0.0"')
  const held = Notebook.small('churn').with('mlops:config', (source) => `${source}\nGATES = ["accuracy >= 0.95"]`)
  for (const id of (await project.push({ 'weighted.ipynb': failing.text(), 'broken.ipynb': broken.text(), 'churn.ipynb': held.text() })).values()) await stack.ended(id)
  const running = Notebook.small('running').before('mlops:training', Notebook.cells().code(count(join(stack.home, 'never'), 1)))
  const id = await project.pushOne('running.ipynb', running.text())
  await until('a log of the running pipeline', async () => (await stack.pipeline(id)).log_lines > 50)
}

/** Serves the newest version in staging and prod too. */
async function promote(stack: Stack, model: string): Promise<void> {
  for (const [from, to] of [
    ['dev', 'staging'],
    ['staging', 'prod'],
  ]) {
    const { environments } = await stack.get<{ environments: Record<string, number> }>(`/api/models/${model}`)
    const body = JSON.stringify({ version: environments[from ?? ''], from, to, ...(to === 'prod' ? { confirm: 'production' } : {}) })
    const answer = await stack.fetch(`/api/models/${model}/promote`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    if (!answer.ok) throw new Error(`${model} was not promoted: ${await answer.text()}`)
  }
}

async function shoot(browser: Browser, stack: Stack, folder: string, only?: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  for (const { name: look, ...options } of LOOKS) {
    const { page, context } = await visit(browser, stack.api, stack.session, { ...options, reducedMotion: 'reduce' })
    for (const place of only ? [{ name: only, path: '/', ready: () => page.getByRole('heading', { name: 'Push your first notebook' }).waitFor() }] : await places(stack)) {
      await page.goto(place.path)
      await place.ready(page)
      // What is loaded when it is first needed; pages that ask again and again are hardly ever still.
      await page.waitForLoadState('networkidle', { timeout: 5_000 }).catch(() => undefined)
      await page.evaluate(() => scrollTo(0, 0))
      await page.screenshot({ path: join(folder, `${place.name}-${look}.png`), fullPage: true })
    }
    await context.close()
  }
}
