import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NewBatchPrediction } from '../../api'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'

let server: MockServer
let sent: NewBatchPrediction[]

beforeEach(() => {
  server = installMock(undefined, 0)
  sent = []
  server.intercept = async (request) => {
    if (request.method === 'POST') sent.push((await request.clone().json()) as NewBatchPrediction)
    return undefined as unknown as Response
  }
})
afterEach(() => setTransport(null))

const dialog = () => within(screen.getByRole('dialog'))
const type = (label: string, value: string) => fireEvent.change(dialog().getByLabelText(label), { target: { value } })
const press = (name: string) => fireEvent.click(dialog().getByRole('button', { name }))
const isOff = (name: string) => dialog().getByRole<HTMLButtonElement>('button', { name }).disabled
const open = async (input = 'local.titanic.passengers') => {
  const router = renderAt(`/batch-predictions?new=&input=${input}`)
  await screen.findByRole('dialog', { name: 'New batch prediction' })
  return router
}

it('shows what would be done, then starts just that', async () => {
  const router = await open()
  type('Model', 'titanic-survival')
  const environment = dialog().getByLabelText<HTMLSelectElement>('Environment')
  await waitFor(() => expect(environment.selectedOptions[0]?.text).toMatch(/^prod \(version \d+\)$/))
  fireEvent.click(await dialog().findByLabelText('Only these'))
  fireEvent.click(dialog().getByLabelText(/^PassengerId/))
  fireEvent.click(dialog().getByLabelText(/^Name/))
  fireEvent.click(dialog().getByLabelText(/^Name/))
  type('If it has rows', 'WRITE_TRUNCATE')
  type('Rows that can’t be scored', 'stop')
  expect(isOff('Start')).toBe(true)
  press('Check')

  const preview = within(await dialog().findByRole('region', { name: 'What would be done' }))
  expect(preview.getByText('1,309 rows (55 kB) of local.titanic.passengers, version 2')).toBeTruthy()
  expect([preview.getByText('1 shard'), preview.getByText('PassengerId'), preview.getByText('prediction')]).toHaveLength(3)
  expect(preview.queryByText('Name')).toBeNull()
  const body = {
    model_name: 'titanic-survival',
    environment: 'prod',
    version: null,
    input_table: 'local.titanic.passengers',
    output_table: 'local.titanic.passengers_predictions',
    write_disposition: 'WRITE_TRUNCATE',
    id_columns: ['PassengerId'],
    on_reject: 'stop',
  }
  expect(sent).toEqual([{ ...body, dry_run: true }])
  expect(server.batches).toHaveLength(7)

  press('Start')
  await waitFor(() => expect(router.state.location.pathname).toBe(`/batch-predictions/${server.batches[0]?.id}`))
  expect(sent[1]).toEqual({ ...body, job: expect.stringMatching(/^dashboard-[0-9a-f]{24}$/) })
  expect(server.batches).toHaveLength(8)
})

it('has to be checked again after any change', async () => {
  await open()
  type('Model', 'titanic-survival')
  press('Check')
  await dialog().findByRole('region', { name: 'What would be done' })
  expect(isOff('Start')).toBe(false)
  type('Output table', 'local.titanic.other')
  expect(isOff('Start')).toBe(true)
  expect(dialog().queryByRole('region', { name: 'What would be done' })).toBeNull()
})

it('is the same job when the answer was lost and one starts again', async () => {
  const router = await open()
  type('Model', 'titanic-survival')
  press('Check')
  await dialog().findByRole('region', { name: 'What would be done' })
  const { handle } = server
  let lost = true
  setTransport({
    fetch: async (request) => {
      const answer = await handle(request)
      if (request.method !== 'POST' || !lost) return answer
      lost = false
      throw new TypeError('the connection was reset')
    },
    socket: () => ({ close: () => undefined }),
  })
  press('Start')
  expect(await dialog().findByText('The batch prediction was not started')).toBeTruthy()
  press('Start')
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/batch-predictions\/.+/))
  expect(server.batches).toHaveLength(8)
})

it('says at the fields what to correct, and asks nothing', async () => {
  await open('titanic')
  type('Version', 'first')
  press('Check')
  expect(await dialog().findByText('Choose a model.')).toBeTruthy()
  expect(dialog().getByText(/^Write three parts, project\.dataset\.table/)).toBeTruthy()
  expect([dialog().getByText('Name the table to write.'), dialog().getByText(/^Write a whole number/)]).toHaveLength(2)
  await waitFor(() => expect(document.activeElement).toBe(dialog().getByLabelText('Model')))
  expect(sent).toEqual([])
})

it('says at the input that there is no such table, before one asks', async () => {
  await open('local.titanic.nothing')
  expect(await dialog().findByText(/^there is no table local\.titanic\.nothing/)).toBeTruthy()
  expect(dialog().getByLabelText('Input table').getAttribute('aria-invalid')).toBe('true')
})

it('shows a refusal at the field that it names, until that is corrected', async () => {
  await open()
  type('Model', 'titanic-survival')
  type('Output table', 'acme.shop.customers')
  type('If it has rows', 'WRITE_EMPTY')
  press('Check')
  expect(await dialog().findByText(/^the table acme\.shop\.customers has rows/)).toBeTruthy()
  const output = dialog().getByLabelText('Output table')
  expect(output.getAttribute('aria-invalid')).toBe('true')
  await waitFor(() => expect(document.activeElement).toBe(output))
  type('Output table', 'acme.shop.new')
  expect(dialog().queryByText(/^the table acme\.shop\.customers has rows/)).toBeNull()
})

it('shows what belongs to no field by itself', async () => {
  await open()
  server.intercept = (request) => (request.method === 'POST' ? problem(503, 'no_worker', 'no worker answers: start one') : undefined)
  type('Model', 'titanic-survival')
  press('Check')
  expect(await dialog().findByText('It could not be checked')).toBeTruthy()
  expect(dialog().getByText('no worker answers: start one')).toBeTruthy()
})
