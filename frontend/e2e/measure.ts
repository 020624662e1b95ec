import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { violations } from './axe'
import { launch, visit } from './browser'
import { Notebook } from './notebooks'
import { places } from './places'
import { gzipped } from './size'
import { root, Stack } from './stack'
import { Unwatched } from './unwatched'

const CELLS = 300
const LINES = 200_000
/** How long each scrolling is watched. */
const SCROLL_MS = 4_000

/** One round's figures, by what they say. */
type Figures = Record<string, number>

/** Measures the dashboard in front of a real mlsys, and prints a section for bench/RESULTS.md. */
export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({ args: words, options: { binaries: { type: 'string', default: 'target/release' }, rounds: { type: 'string', default: '5' } } })
  const rounds = Number(values.rounds)
  const stack = await Stack.start(resolve(root, values.binaries))
  try {
    const id = await fill(stack)
    const browser = await launch()
    try {
      const done: Figures[] = []
      for (let round = 0; round <= rounds; round += 1) {
        const figures = { ...(await firstView(browser, stack)), ...(await bigPipeline(browser, stack, id)) }
        console.error(round === 0 ? 'a round that does not count:' : `round ${round}:`, figures)
        if (round > 0) done.push(figures)
      }
      const figures = Object.fromEntries(Object.keys(done[0] ?? {}).map((name) => [name, median(done.map((one) => one[name] ?? Number.NaN))]))
      print({ ...figures, ...(await accessibility(browser, stack)) }, browser.version(), rounds)
    } finally {
      await browser.close()
    }
  } finally {
    await stack.stop()
  }
}

/** Runs the large notebook, and some examples so that no page is empty; answers the large one's pipeline. */
async function fill(stack: Stack): Promise<string> {
  const project = await stack.project('bench')
  let cells = Notebook.cells()
  const fixed = 5
  const each = Math.ceil(LINES / (CELLS - fixed))
  for (let cell = fixed; cell < CELLS; cell += 1) {
    cells = cells.code(`for step in range(${each}):\n    print(f"epoch ${cell - fixed + 1} step {step:04} \\x1b[32mloss\\x1b[0m {1 / (step + 1):.6f} " + "." * (step % 60))`)
  }
  const big = Notebook.small('big').before('mlops:training', cells)
  const failing = Notebook.example('iris-species').before('mlops:training', Notebook.cells().code('1 / 0'))
  const ids = await project.push({ 'iris-species.ipynb': Notebook.example('iris-species').text(), 'failing.ipynb': failing.text(), 'big.ipynb': big.text() })
  for (const id of ids.values()) await stack.ended(id, 600)
  const id = ids.get('big.ipynb') ?? ''
  const { status, reason, log_lines } = await stack.pipeline(id)
  if (status !== 'succeeded' || log_lines < LINES) throw new Error(`the large pipeline ${status} with ${log_lines} lines: ${reason}`)
  return id
}

/** Milliseconds from the navigation until a selector is drawn, as the page itself sees it. */
function drawn(page: Page, selector: string, text = ''): Promise<number> {
  return page
    .waitForFunction(
      ([wanted, part]) => {
        const found = [...document.querySelectorAll(wanted)].some((one) => one.textContent?.includes(part))
        return found ? performance.now() : 0
      },
      [selector, text] as const,
      { polling: 'raf' },
    )
    .then((handle) => handle.jsonValue())
}

async function firstView(browser: Browser, stack: Stack): Promise<Figures> {
  const { context, page, requests } = await visit(browser, stack.api, stack.session)
  await page.addInitScript(() => {
    const tasks: number[] = []
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask', buffered: true })
    Object.assign(window, { longTasks: tasks })
  })
  await page.goto('/')
  const rows = await drawn(page, 'table[aria-label="Latest pipelines"] tbody tr')
  const painted = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  const paint = (await painted.jsonValue()) ?? Number.NaN
  const blocked = await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks.reduce((sum, duration) => sum + duration - 50, 0))
  const bytes = (end: string) => [...new Set(requests)].filter((url) => url.endsWith(end)).reduce((sum, url) => sum + gzipped(url), 0)
  const figures = { script: bytes('.js'), style: bytes('.css'), paint, rows, blocked }
  await context.close()
  return figures
}

async function bigPipeline(browser: Browser, stack: Stack, id: string): Promise<Figures> {
  const { context, page } = await visit(browser, stack.api, stack.session)
  await page.goto(`/pipelines/${id}`)
  const [lines, cells, whole] = await Promise.all([
    drawn(page, '[data-line]'),
    drawn(page, '[data-cell] article'),
    drawn(page, 'section[aria-label="Log"] p:last-child', (await stack.pipeline(id)).log_lines.toLocaleString('en')),
  ])
  const log = { wheel: await scrolled(page, 'Log lines', 'wheel'), drag: await scrolled(page, 'Log lines', 'drag') }
  const notebook = { wheel: await scrolled(page, 'Notebook cells', 'wheel'), drag: await scrolled(page, 'Notebook cells', 'drag') }
  const session = await context.newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  const figures = {
    opened: Math.max(lines, cells),
    whole,
    logWheel: log.wheel,
    logDrag: log.drag,
    notebookWheel: notebook.wheel,
    notebookDrag: notebook.drag,
    heap: usedSize,
  }
  await context.close()
  return { ...figures, memory: await memory(browser, stack, id) }
}

/** Frames a second while a region is scrolled: down as a wheel does, or by its bar through everything and back. Runs in the page. */
function scrolling([name, way, duration]: readonly [string, 'wheel' | 'drag', number]): Promise<number> {
  const region = document.querySelector(`[role="region"][aria-label="${name}"]`) as Element
  return new Promise((resolve) => {
    region.scrollTop = 0
    const far = region.scrollHeight - region.clientHeight
    let [frames, began] = [0, 0]
    const frame = (now: number) => {
      if (began === 0) began = now
      else frames += 1
      const part = (now - began) / duration
      if (part >= 1) return resolve((frames * 1_000) / (now - began))
      region.scrollTop = way === 'wheel' ? frames * 40 : far * (1 - Math.abs(1 - 2 * part))
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
}

function scrolled(page: Page, name: string, how: 'wheel' | 'drag'): Promise<number> {
  return page.evaluate(scrolling, [name, how, SCROLL_MS] as const)
}

/** What the large pipeline's page takes when the whole log is there and all was scrolled through, while nobody watches. */
async function memory(browser: Browser, stack: Stack, id: string): Promise<number> {
  const lines = (await stack.pipeline(id)).log_lines.toLocaleString('en')
  const page = await Unwatched.open(browser, `${stack.api}/pipelines/${id}`, stack.session)
  const there = (selector: string, text = '') => `!!document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`
  await page.until(there('section[aria-label="Log"] p:last-child', lines))
  await page.until(there('[data-cell] article'))
  for (const name of ['Log lines', 'Notebook cells']) await page.value(`(${String(scrolling)})(${JSON.stringify([name, 'drag', SCROLL_MS])})`)
  const size = await page.memory()
  await page.close()
  return size
}

async function accessibility(browser: Browser, stack: Stack): Promise<{ pages: number; violations: number }> {
  const { context, page } = await visit(browser, stack.api, stack.session)
  const all = await places(stack)
  let found = 0
  for (const place of all) {
    await page.goto(place.path)
    await place.ready(page)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      found += (await violations(page)).length
    }
  }
  await context.close()
  return { pages: all.length, violations: found }
}

function median(values: number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

function print(figures: Figures, version: string, rounds: number): void {
  const of = (name: string) => figures[name] ?? Number.NaN
  const kB = (name: string) => `${(of(name) / 1_000).toFixed(1)} kB`
  const MB = (name: string) => `${(of(name) / 1e6).toFixed(0)} MB`
  const ms = (name: string) => `${of(name).toFixed(0)} ms`
  const rate = (name: string) => of(name).toFixed(0)
  const rows = [
    ['JavaScript of the first view, gzip', kB('script'), 'under 200 kB'],
    ['style sheets of the first view, gzip', kB('style'), ''],
    ['first contentful paint', ms('paint'), ''],
    ['the dashboard with its pipelines drawn', ms('rows'), ''],
    ['blocked beyond 50 ms a task until then', ms('blocked'), ''],
    ['the large pipeline: first lines and cells drawn', ms('opened'), 'under 2 s'],
    ['the large pipeline: the whole log there', ms('whole'), ''],
    ['frames a second while its log is scrolled by wheel', rate('logWheel'), 'over 50'],
    ['… by dragging the bar through all of it', rate('logDrag'), 'over 50'],
    ['frames a second while its notebook is scrolled by wheel', rate('notebookWheel'), 'over 50'],
    ['… by dragging the bar through all of it', rate('notebookDrag'), 'over 50'],
    ["the page's heap after all that", MB('heap'), 'under 300 MB'],
    ["its process's memory (PSS) after all that", MB('memory'), 'under 300 MB'],
    [`axe: what breaks WCAG A or AA on ${of('pages')} pages, light and dark`, String(of('violations')), '0'],
  ]
  console.log(`## The dashboard in Chromium

Chromium ${version}, headless, without a graphics processor, 1280 × 900, on the machine of the \`mlsys up\` that it looks at; ${cpus().length} processors. The
large pipeline really ran: ${CELLS} cells that print ${LINES.toLocaleString('en')} coloured lines. Each opening is a fresh browser profile: nothing is cached.
Times count from the navigation. The process's memory is that of a page whose network no debugger watches. Scrolling: ${SCROLL_MS / 1_000} s each; a wheel moves 40 pixels a frame.
Medians of ${rounds} rounds after one that does not count. \`bench/run dashboard\` measures again.

| | measured | wanted |
|---|---|---|
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}`)
}
