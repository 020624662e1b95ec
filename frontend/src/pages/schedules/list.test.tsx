import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'
import { filterOf, withField } from './filters'

let server: MockServer

beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

const list = async () => within(await screen.findByRole('table', { name: 'Schedules' }))
const row = async (name: string) => within(await (await list()).findByRole('row', { name: new RegExp(name) }))
const kept = (name: string) => server.schedules.find((one) => one.kept.name === name)!

it('lists what is done, when, what comes next and how the last one went', async () => {
  renderAt('/settings')
  fireEvent.click(await screen.findByRole('link', { name: 'Schedules' }))
  const nightly = await row('customer-churn-predictions-prod')
  expect(nightly.getByText('customer-churn, prod: acme.shop.customers → acme.shop.churn_predictions')).toBeTruthy()
  expect([nightly.getAllByText('At 02:30.').length, nightly.getByText('30 2 * * *').parentElement?.textContent]).toEqual([2, '30 2 * * * Europe/Berlin'])
  const next = nightly.getByText(/, 02:30/)
  expect(next.textContent).toMatch(/^\w{3}, \w{3} \d{1,2}, \d{4}, 02:30 UTC\+0[12]:00$/)
  expect(next.previousSibling?.textContent).toMatch(/^(in |tomorrow|now)/)
  const last = nightly.getByRole('link', { name: /^(Succeeded|Failed): batch prediction of customer-churn-predictions-prod$/ })
  expect(last.getAttribute('href')).toBe(`/batch-predictions/${kept('customer-churn-predictions-prod').firings[0]?.batch_id}`)
  expect(nightly.getAllByRole('link')[0]?.getAttribute('href')).toBe(`/schedules/${kept('customer-churn-predictions-prod').kept.id}`)

  const paused = await row('house-price-retraining')
  expect(paused.getByText('notebooks/house-price-regression.ipynb of acme/pricing, main')).toBeTruthy()
  expect(paused.getAllByText('Paused').length).toBeGreaterThan(0)
  expect(paused.getByRole('link', { name: /: pipeline of house-price-retraining$/ })).toBeTruthy()
  expect((await row('loans-retraining')).getByText('acme/loans: notebooks/mlsys.toml@4f2a91c')).toBeTruthy()
})

it('runs, pauses and resumes one from its row', async () => {
  renderAt('/schedules')
  fireEvent.click((await row('^retention')).getByRole('button', { name: 'Run now: retention' }))
  await waitFor(() => expect(kept('retention').firings[0]).toMatchObject({ cause: 'manual' }))
  fireEvent.click((await row('^retention')).getByRole('button', { name: 'Pause: retention' }))
  await waitFor(() => expect(kept('retention').kept.paused).toBe(true))
  fireEvent.click(await (await row('^retention')).findByRole('button', { name: 'Resume: retention' }))
  await waitFor(() => expect(kept('retention').kept.paused).toBe(false))
})

it('says why one could not be run', async () => {
  server.intercept = (request) => (request.url.endsWith('/run') ? problem(409, 'not_deployed', 'nothing of titanic-survival is deployed to dev') : undefined)
  renderAt('/schedules')
  fireEvent.click((await row('^titanic')).getByRole('button', { name: /^Run now/ }))
  expect(await screen.findByText('nothing of titanic-survival is deployed to dev')).toBeTruthy()
})

it('keeps only those of a kind, as the address says', async () => {
  const router = renderAt('/schedules?kind=retraining')
  await waitFor(async () => expect((await list()).getAllByRole('row')).toHaveLength(3))
  fireEvent.change(screen.getByLabelText('Kind'), { target: { value: 'retention' } })
  await row('^retention')
  expect(router.state.location.search).toBe('?kind=retention')
  server.schedules.splice(0)
  fireEvent.change(screen.getByLabelText('Kind'), { target: { value: 'retraining' } })
  expect(await screen.findByText('No schedule is of this kind')).toBeTruthy()
  expect(filterOf(new URLSearchParams('kind=yearly&new='))).toEqual({})
  expect(withField(new URLSearchParams('kind=retention&new='), 'new', null).toString()).toBe('kind=retention')
})

it('says what schedules are for where there is none, and how one is made', async () => {
  server.schedules.splice(0)
  renderAt('/schedules')
  expect(await screen.findByText('No schedule yet')).toBeTruthy()
  expect(screen.getByText('mlsys schedules create --help')).toBeTruthy()
  fireEvent.click(await screen.findByRole('button', { name: 'New schedule' }))
  expect(screen.getByRole('dialog', { name: 'New schedule' })).toBeTruthy()
})

it('only shows others than operators what there is', async () => {
  Object.assign(server.access.me!, { grants: [{ role: 'viewer' }], may: ['see'] })
  renderAt('/schedules?new=')
  await row('retention')
  for (const name of [/^New schedule/, /^Run now/, /^Pause/]) expect(screen.queryByRole('button', { name })).toBeNull()
  expect(screen.queryByRole('dialog')).toBeNull()
})

it('says what is wrong when they can’t be listed', async () => {
  server.intercept = (request) => (request.url.includes('/api/schedules') ? problem(500, 'internal', 'the database is locked') : undefined)
  renderAt('/schedules')
  expect(await screen.findByText('The schedules could not be loaded')).toBeTruthy()
  expect(screen.getByText('the database is locked')).toBeTruthy()
})
