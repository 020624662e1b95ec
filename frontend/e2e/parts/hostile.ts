import { expect, it } from 'vitest'
import { foreign, type Visit } from '../browser'
import { ElseWhere } from '../network'
import { Notebook } from '../notebooks'
import { come, world } from '../world'

/** Longer than any page could parse at once. */
const HUGE = 20_000_000

/** What would run, load, lead away or cover the page, if it were taken as it is. */
function payloads(site: string): string[] {
  const run = 'window.hostile=(window.hostile||0)+1'
  return [
    `<script>${run}</script><script src="${site}/script.js"></script>`,
    `<img src=x onerror="${run}"><img src="${site}/pixel.png"><img srcset="${site}/set.png 1x">`,
    `<svg onload="${run}"><script>${run}</script><image href="${site}/image.svg"/><a xlink:href="javascript:${run}"><text y="20">svg</text></a></svg>`,
    `<a href="javascript:${run}">a link</a><a href="&#106;avascript:${run}">another</a><a href="data:text/html,<script>${run}</script>">a third</a>`,
    `<iframe src="javascript:parent.${run}"></iframe><iframe srcdoc="<script>parent.${run}</script>"></iframe><iframe src="${site}/frame"></iframe>`,
    `<object data="${site}/object"></object><embed src="${site}/embed"><video src="${site}/video" autoplay onerror="${run}"></video>`,
    `<style>@import url("${site}/style.css"); body { display: none } * { background: url("${site}/background.png") }</style>`,
    `<link rel="stylesheet" href="${site}/link.css"><base href="${site}/"><meta http-equiv="refresh" content="0;url=${site}/refresh">`,
    `<div style="position:fixed;inset:0;z-index:2147483647;background:url(${site}/cover.png)" class="fixed inset-0 z-50 bg-danger">covered</div>`,
    `<form action="${site}/form"><input name="secret" autofocus onfocus="${run}"><button>send</button></form>`,
    `<details open ontoggle="${run}"><summary>a summary</summary></details><body onload="${run}"><p id="root" name="location">clobber</p>`,
    `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${run}&gt;"></table></mtext></math>`,
    `<noscript><p title="</noscript><img src=x onerror=${run}>"></noscript><template><script>${run}</script></template>`,
    `<table background="${site}/table.png"><tr><td background="${site}/cell.png">a cell</td></tr></table>`,
  ]
}

const picture = (site: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="window.hostile=1"><script>parent.hostile=1</script>` +
  `<image href="${site}/inner.png" width="9" height="9"/><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="${site}/inner"/></foreignObject><rect width="40" height="40"/></svg>`

const python = (text: string) => JSON.stringify(text)

function notebook(site: string): Notebook {
  const all = payloads(site)
  let cells = Notebook.cells().code('from IPython.display import display, HTML, SVG, Markdown, JSON, Javascript')
  for (const payload of all) {
    cells = cells.markdown(`A cell: ${payload}\n\n[a link](javascript:window.hostile=1) ![a picture](${site}/markdown.png)`).code(`display(HTML(${python(payload)}))`)
  }
  cells = cells
    .code(`display(SVG(${python(picture(site))}), JSON({"<script>": ${python(all[0] ?? '')}}), Javascript("window.hostile=1; fetch('${site}/javascript')"))`)
    .code(`display(Markdown(${python(all.join('\n\n'))}))`)
    .code(`display({"text/html": ${python(all[1] ?? '')}, "application/vnd.plotly.v1+json": {"a": 1}, "text/latex": ${python(all[0] ?? '')}}, raw=True)`)
    .code(`print(${python(all.join('\n'))})\nprint("\\x1b]8;;javascript:window.hostile=1\\x07a link\\x1b]8;;\\x07 \\x1b[31mred\\x1b[0m \\x1b[2J\\x1b[999;999H")`)
    .code(`from IPython.display import HTML\nHTML("<p>many</p>" * ${Math.ceil(HUGE / 11)})`)
    .code(`raise ValueError(${python(all.join('\n'))})`)
  return Notebook.small('hostile').before('mlops:training', cells)
}

/** Brings every cell of the notebook near, so that each is drawn. */
async function seeAll({ page }: Visit): Promise<void> {
  const cells = page.getByRole('region', { name: 'Notebook cells' })
  // A key says that a person moves now: the page keeps the failing cell in sight no longer.
  await cells.press('Home')
  const count = await cells.locator('[data-cell]').count()
  for (let index = 0; index < count; index += 1) {
    const place = cells.locator(`[data-cell="${index}"]`)
    await place.scrollIntoViewIfNeeded()
    await place.getByRole('article').waitFor()
  }
}

/** Clicks whatever the outputs put up to be clicked. */
async function clickAll({ page }: Visit): Promise<void> {
  const outputs = page.getByRole('region', { name: 'Notebook cells' })
  for (const word of ['a link', 'another', 'a third', 'a summary', 'covered', 'a cell', 'svg']) {
    for (const found of await outputs.getByText(word, { exact: true }).all()) await found.click({ noWaitAfter: true })
  }
}

async function expectHarmless(visit: Visit, site: ElseWhere): Promise<void> {
  const { page, context, requests, complaints } = visit
  expect(await page.evaluate(() => 'hostile' in window)).toBe(false)
  expect(foreign(requests, world.wire.address)).toEqual([])
  expect(site.visits).toEqual([])
  expect(complaints).toEqual([])
  expect(page.frames().length).toBe(1)
  expect(context.pages().length).toBe(1)
  const wrong =
    'script:not([src^="/"]), style, link:not([href^="/"]), base, meta[http-equiv], object, embed, form[action], [style*="url("], [onerror], [onload], a[href^="javascript:" i], a[href^="data:" i]'
  expect(await page.locator('main').locator(wrong).count()).toBe(0)
}

/** The page must answer to clicks and keys. */
async function expectUsable({ page }: Visit): Promise<void> {
  const search = page.getByRole('searchbox', { name: 'Search the log' })
  await search.fill('ValueError')
  await page
    .getByText(/of \d+|lines|nothing found/)
    .first()
    .waitFor()
  await page.getByRole('link', { name: 'Models' }).click()
  await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor()
}

async function openPipeline(id: string): Promise<Visit> {
  const visit = await come()
  const answer = await visit.page.goto(`/pipelines/${id}`)
  const policy = answer?.headers()['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(policy).not.toContain('unsafe')
  await visit.page.getByRole('region', { name: 'Notebook cells' }).waitFor()
  return visit
}

export function hostile(): void {
  it('run nothing, load nothing, lead nowhere and cover nothing', async () => {
    const site = await ElseWhere.open()
    try {
      const project = await world.stack.project('hostile')
      const id = await project.pushOne('<img src=x onerror="window.hostile=1">.ipynb', notebook(site.address).text())
      expect((await world.stack.ended(id)).status).toBe('failed')
      const visit = await openPipeline(id)
      await seeAll(visit)
      await clickAll(visit)
      await expectHarmless(visit, site)
      await expectUsable(visit)
      await visit.page.goto('/')
      await visit.page.getByRole('table', { name: 'Latest pipelines' }).waitFor()
      await expectHarmless(visit, site)
    } finally {
      await site.close()
    }
  })

  it('are the same in a file that was pushed with them, 20 MB of HTML among them', async () => {
    const site = await ElseWhere.open()
    try {
      const html = (text: string) => ({ output_type: 'display_data', metadata: {}, data: { 'text/html': text } })
      const huge = payloads(site.address).join('').padEnd(HUGE, '<b>many</b>')
      const kept = payloads(site.address).map(html)
      // It breaks the contract, so it never runs, and is shown as it was pushed.
      const pushed = Notebook.cells().code('MODEL_NAME = "x" + "y"', 'mlops:config', [...kept, html(huge)])
      const project = await world.stack.project('pushed')
      const id = await project.pushOne('pushed.ipynb', pushed.text())
      expect((await world.stack.ended(id)).status).toBe('failed')
      const visit = await openPipeline(id)
      await seeAll(visit)
      await clickAll(visit)
      expect(await visit.page.getByText('HTML output of').count()).toBe(0)
      await visit.page.getByRole('button', { name: /^Show all of it \(2\d MB\)$/ }).click()
      await visit.page.getByText('HTML output of').waitFor()
      await seeAll(visit)
      await clickAll(visit)
      await visit.page.getByRole('button', { name: /^Show as text/ }).click()
      await visit.page.getByText('window.hostile=(window.hostile||0)+1').first().waitFor()
      await expectHarmless(visit, site)
      await expectUsable(visit)
    } finally {
      await site.close()
    }
  })
}
