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

const list = async () => within(await screen.findByRole('table', { name: 'Batch predictions' }))

it('lists them newest first: how far, from where to where, by whom', async () => {
  renderAt('/settings')
  fireEvent.click(await screen.findByRole('link', { name: 'Batch predictions' }))
  const rows = (await list()).getAllByRole('row').slice(1)
  const words = ['Queued', 'Running', 'Writing', 'Succeeded', 'Failed', 'Cancelled', 'Succeeded']
  for (const [index, word] of words.entries()) expect(within(rows[index]!).getByText(word)).toBeTruthy()
  const done = within(rows[3]!)
  expect(done.getByText('acme.shop.customers → acme.shop.churn_predictions')).toBeTruthy()
  expect(done.getByRole('progressbar').getAttribute('aria-valuetext')).toBe('1,204,332 rows')
  expect([done.getByText('12'), done.getByText('grace'), done.getByText('4 min 00 s'), done.getAllByText('yesterday')]).toHaveLength(4)
  expect(done.getByRole('link').getAttribute('href')).toBe(`/batch-predictions/${server.batches[3]?.id}`)
  const failed = within(rows[4]!).getByRole('progressbar')
  expect([failed.getAttribute('aria-valuenow'), failed.getAttribute('aria-valuetext')]).toEqual(['53', '700 of 1,309 rows'])
})

it('shows what comes while one goes on', async () => {
  renderAt('/batch-predictions?status=running')
  const bar = await screen.findByRole('progressbar')
  const before = Number(bar.getAttribute('aria-valuenow'))
  await waitFor(() => expect(Number(screen.getByRole('progressbar').getAttribute('aria-valuenow'))).toBeGreaterThan(before), { timeout: 10_000 })
})

it('keeps only those of a status or a model, as the address says', async () => {
  const router = renderAt('/batch-predictions?status=failed')
  expect((await list()).getAllByRole('row')).toHaveLength(2)
  fireEvent.change(screen.getByLabelText('Status'), { target: { value: '' } })
  fireEvent.change(screen.getByLabelText('Only of one model'), { target: { value: 'titanic-survival' } })
  await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(3))
  expect(router.state.location.search).toBe('?model=titanic-survival')
  fireEvent.change(screen.getByLabelText('Only of one model'), { target: { value: 'nothing' } })
  fireEvent.click(await screen.findByRole('button', { name: 'Clear the filters' }))
  await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(8))
})

it('reads filters from addresses, and writes them there', () => {
  expect(filterOf(new URLSearchParams('status=writing&model= a &new='))).toEqual({ status: 'writing', model: 'a' })
  expect(filterOf(new URLSearchParams('status=exploded&model='))).toEqual({})
  expect(withField(new URLSearchParams('status=failed'), 'new', '').toString()).toBe('status=failed&new=')
  expect(withField(new URLSearchParams('status=failed'), 'status', null).toString()).toBe('')
})

it('says what a batch prediction is where there is none', async () => {
  server.batches = []
  renderAt('/batch-predictions')
  expect(await screen.findByText('No batch prediction yet')).toBeTruthy()
  fireEvent.click(await screen.findByRole('button', { name: 'New batch prediction' }))
  expect(screen.getByRole('dialog', { name: 'New batch prediction' })).toBeTruthy()
})

it('lets only operators start one', async () => {
  Object.assign(server.access.me!, { grants: [{ role: 'viewer' }, { role: 'developer', repo: 'acme/churn' }], may: ['see'] })
  renderAt('/batch-predictions?new=')
  await list()
  expect(screen.queryByRole('button', { name: 'New batch prediction' })).toBeNull()
  expect(screen.queryByRole('dialog')).toBeNull()
})

it('lets operators of one model start one', async () => {
  Object.assign(server.access.me!, { grants: [{ role: 'operator', model: 'customer-churn' }], may: [] })
  renderAt('/batch-predictions')
  expect(await screen.findByRole('button', { name: 'New batch prediction' })).toBeTruthy()
})

it('says what is wrong when they can’t be listed', async () => {
  server.intercept = (request) => (request.url.includes('/api/batch') ? problem(500, 'internal', 'the database is locked') : undefined)
  renderAt('/batch-predictions')
  expect(await screen.findByText('The batch predictions could not be loaded')).toBeTruthy()
  expect(screen.getByText('the database is locked')).toBeTruthy()
})
