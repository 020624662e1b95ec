import { expect, it } from 'vitest'
import { violations } from '../axe'
import { come } from '../world'

export function registry(): void {
  it('says how there comes to be a table, looks before it writes one, and then shows what lies in the bucket', async () => {
    const { page } = await come()
    await page.goto('/registry')
    await page.getByText('mlsys registry scan --env dev', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Scan now' }).click()
    const dialog = page.getByRole('dialog', { name: 'Scan the bucket of dev' })
    await dialog.getByRole('region', { name: 'New' }).getByText('iris-species/v1', { exact: true }).waitFor()
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Write the table' }).click()
    await page.getByRole('table', { name: 'Versions in dev' }).getByRole('link', { name: 'iris-species v1', exact: true }).click()
    await page.waitForURL('**/models/iris-species?version=1')
  })
}
