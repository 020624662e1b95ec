import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** What of a page breaks WCAG A or AA, in a line each. The debugger runs axe, so that the page's policy stays as it is. */
export async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(source)
  const results = (await page.evaluate(
    (rules) => (window as unknown as { axe: { run: (options: object) => Promise<unknown> } }).axe.run({ runOnly: rules, resultTypes: ['violations'] }),
    RULES,
  )) as AxeResults
  return results.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.html} ${node.failureSummary ?? ''}`))
}
