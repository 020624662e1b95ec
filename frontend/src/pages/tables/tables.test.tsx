import { fireEvent, screen, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
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

const row = (name: RegExp) => within(screen.getByRole('row', { name }))

it('lists tables with their sizes, and says of one why it can’t be read', async () => {
  renderAt('/tables')
  await screen.findByRole('table', { name: 'Tables' })
  const customers = row(/^acme\.shop\.customers/)
  expect(customers.getByText('1,204,332')).toBeTruthy()
  expect(customers.getByRole('link').getAttribute('href')).toBe('/tables/acme.shop.customers')
  expect(row(/^acme\.legacy\.orders/).getByText(/^Can’t be read: the table has deletion vectors/)).toBeTruthy()
})

it('goes on to further tables', async () => {
  server.tables.push(...Array.from({ length: 60 }, (_, index) => ({ name: `zoo.many.t${index}`, problem: null, columns: [], versions: [] })))
  renderAt('/tables')
  await screen.findByText('zoo.many.t0')
  expect(screen.queryByText('zoo.many.t59')).toBeNull()
  fireEvent.click(screen.getByRole('button', { name: 'Load more' }))
  expect(await screen.findByText('zoo.many.t59')).toBeTruthy()
})

it('says how to make a table where there is none', async () => {
  server.tables.length = 0
  renderAt('/tables')
  expect(await screen.findByText('No table yet')).toBeTruthy()
  expect(screen.getByText('mlsys tables import FILE project.dataset.table')).toBeTruthy()
})

it('says what is wrong when the tables can’t be listed', async () => {
  server.intercept = (request) => (request.url.includes('/api/tables') ? problem(502, 'warehouse', 'the bucket does not answer: check MLSYS_WAREHOUSE') : undefined)
  renderAt('/tables')
  expect(await screen.findByText(/check MLSYS_WAREHOUSE/)).toBeTruthy()
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
})

it('is reached from the navigation', async () => {
  const router = renderAt('/settings')
  const main = within(await screen.findByRole('navigation', { name: 'Main' }))
  fireEvent.click(main.getByRole('link', { name: 'Tables' }))
  await screen.findByRole('table', { name: 'Tables' })
  expect(router.state.location.pathname).toBe('/tables')
})
