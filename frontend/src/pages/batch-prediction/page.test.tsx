import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BatchPrediction, BatchStatus } from '../../api'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'

let server: MockServer

beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

function open(status: BatchStatus): BatchPrediction {
  const batch = server.batches.find((one) => one.status === status)
  if (!batch) throw new Error(`the mock has none that is ${status}`)
  renderAt(`/batch-predictions/${batch.id}`)
  return batch
}
const button = (name: string) => screen.findByRole('button', { name })
const fact = (name: string) => screen.getByText(name, { selector: 'dt' }).nextElementSibling as HTMLElement

describe('the page of a batch prediction', () => {
  it('shows one that runs: how far, how fast and how long it takes', async () => {
    open('running')
    expect(await screen.findByRole('heading', { level: 1, name: 'customer-churn v2 on acme.shop.customers' })).toBeTruthy()
    expect(fact('Speed').textContent).toMatch(/^[\d,]+ rows a second$/)
    expect(fact('Time left').textContent).toMatch(/^about /)
    expect(fact('Shards done').textContent).toMatch(/^\d+ of 13$/)
    expect(screen.getByRole('progressbar').getAttribute('aria-valuetext')).toMatch(/ of 1,204,332 rows$/)
    expect(screen.queryByRole('button', { name: 'Resume' })).toBeNull()
    expect(screen.queryByRole('heading', { name: 'What was written' })).toBeNull()
  })

  it('shows one that succeeded: what was written, what was left out, and where both are', async () => {
    const batch = open('succeeded')
    const rows = within(await screen.findByRole('table', { name: `First rows of ${batch.output_table}` }))
    expect(rows.getAllByRole('row')).toHaveLength(21)
    expect(rows.getByText('prediction')).toBeTruthy()
    expect(screen.getByText(/^The first 20 rows of version 1\./)).toBeTruthy()
    expect(within(fact('Rejected')).getByRole('link', { name: 'acme.shop.churn_predictions_rejects' }).getAttribute('href')).toBe('/tables/acme.shop.churn_predictions_rejects')
    expect(fact('Rejected').textContent).toMatch(/^12 rows/)
    expect(within(fact('Input')).getByRole('link').getAttribute('href')).toBe('/tables/acme.shop.customers?version=1')
    expect(within(fact('Output')).getByRole('link').getAttribute('href')).toBe('/tables/acme.shop.churn_predictions?version=1')
    expect([fact('Job').textContent, fact('If it has rows').textContent]).toEqual(['nightly-12', 'Append: its rows stay'])
    expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull()
  })

  it('says why one failed, and resumes it', async () => {
    const batch = open('failed')
    expect(await screen.findByText(/column "Fare" is missing/)).toBeTruthy()
    expect(fact('Rejected').textContent).toMatch(/the first row that can’t be scored stops it/)
    fireEvent.click(await button('Resume'))
    await waitFor(() => expect(batch.status).toBe('running'))
    expect(await button('Cancel')).toBeTruthy()
    await waitFor(() => expect(screen.queryByText(/column "Fare" is missing/)).toBeNull())
  })

  it('cancels after asking, and not before', async () => {
    const batch = open('running')
    fireEvent.click(await button('Cancel'))
    const dialog = within(screen.getByRole('dialog', { name: 'Cancel this batch prediction?' }))
    fireEvent.click(dialog.getByRole('button', { name: 'Let it go on' }))
    expect(batch.status).toBe('running')
    fireEvent.click(await button('Cancel'))
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Cancel it' }))
    await waitFor(() => expect(batch.status).toBe('cancelled'))
    expect(await screen.findByText('Cancelled')).toBeTruthy()
    expect(await button('Resume')).toBeTruthy()
  })

  it('says why it could not be cancelled', async () => {
    server.intercept = (request) => (request.url.endsWith('/cancel') ? problem(409, 'wrong_status', 'its output is being written: wait until it has ended') : undefined)
    open('writing')
    expect(await screen.findByText(/is being written, whole or not at all/)).toBeTruthy()
    fireEvent.click(await button('Cancel'))
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Cancel it' }))
    expect(await screen.findByText('its output is being written: wait until it has ended')).toBeTruthy()
  })

  it('says that one waits', async () => {
    open('queued')
    expect(await screen.findByText('It waits until a worker has room for it.')).toBeTruthy()
    expect(await button('Cancel')).toBeTruthy()
  })

  it('only shows others than its operators what there is', async () => {
    Object.assign(server.access.me!, { grants: [{ role: 'viewer' }, { role: 'operator', model: 'titanic-survival' }], may: ['see'] })
    open('running')
    await screen.findByText('Settings', { selector: 'h2' })
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull())
  })

  it('says that there is none of that name', async () => {
    renderAt('/batch-predictions/0198c1de-7a3b-7000-a000-000000000001')
    expect(await screen.findByText('The batch prediction could not be loaded')).toBeTruthy()
    expect(screen.getByText(/^there is no batch prediction/)).toBeTruthy()
  })
})
