import { expect, it } from 'vitest'
import { gzipped } from '../size'
import { come } from '../world'

const LIMIT = 200_000

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
