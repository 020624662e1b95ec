import { expect, it } from 'vitest'
import { come, world } from '../world'

export function signing(): void {
  it('leads a stranger to the sign-in and, with an address that works once, back to where they wanted', async () => {
    const { page } = await come({}, '')
    await page.goto('/repositories?search=iris')
    await page.waitForURL(/\/sign-in\?next=%2Frepositories%3Fsearch%3Diris$/)
    await page.getByText('mlsys login').waitFor()
    const { hash } = new URL(await world.stack.signInAddress())
    await page.goto(`/sign-in?next=${encodeURIComponent('/repositories?search=iris')}${hash}`)
    await page.waitForURL(/\/repositories\?search=iris$/)
    await page.getByRole('heading', { name: 'Repositories' }).waitFor()
    const [cookie] = await page.context().cookies()
    expect(cookie).toMatchObject({ name: 'mlsys_session', httpOnly: true, sameSite: 'Lax' })

    const again = await come({}, '')
    await again.page.goto(`/sign-in${hash}`)
    await again.page.getByText('You are not signed in').waitFor()
  })

  it('makes a key, which predicts until it is revoked, and signs out', async () => {
    const { hash } = new URL(await world.stack.signInAddress())
    const { page } = await come({}, '')
    await page.goto(`/sign-in${hash}`)
    await page.getByRole('heading', { name: 'Latest pipelines' }).waitFor()
    await page.goto('/settings')
    await page.getByRole('link', { name: 'Keys', exact: true }).click()
    await page.getByRole('button', { name: 'Make a key' }).first().click()
    await page.getByLabel('Name').fill('an application')
    await page.getByRole('button', { name: 'Make it' }).click()
    const key = await page.getByText(/^mlsys_[0-9a-f]{72}$/).textContent()
    const ask = async () => (await fetch(`${world.stack.api}/api/me`, { headers: { authorization: `Bearer ${key}` } })).status
    expect(await ask()).toBe(200)
    await page.getByRole('button', { name: 'Done' }).click()
    await page.getByRole('button', { name: 'Revoke an application' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await page.getByText('The key is revoked.').waitFor()
    expect(await ask()).toBe(401)
    await page.goto('/audit?action=keys')
    await page
      .getByRole('cell', { name: /an application/ })
      .first()
      .waitFor()

    await page.goto('/settings')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(/\/sign-in/)
    expect(await page.context().cookies()).toEqual([])
  })
}
