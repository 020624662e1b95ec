import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { root } from '../stack'
import { come } from '../world'

const LIMIT = 200_000

/** Bytes of a served file as a browser gets it. */
export function gzipped(url: string): number {
  const file = join(root, 'frontend/dist', new URL(url).pathname)
  return existsSync(`${file}.gz`) ? readFileSync(`${file}.gz`).length : gzipSync(readFileSync(file)).length
}

export function size(): void {
  it('takes less than 200 kB of JavaScript', async () => {
    const { page, requests } = await come()
    await page.goto('/')
    await page.getByRole('heading', { name: 'Latest pipelines' }).waitFor()
    const scripts = requests.filter((url) => url.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(1)
    expect(scripts.map(gzipped).reduce((sum, one) => sum + one, 0)).toBeLessThan(LIMIT)
  })
}
