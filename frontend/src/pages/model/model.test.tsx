import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockModel } from '../../mock/models'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'

let server: MockServer
const click = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }))
const model = () => server.models.get('titanic-survival') as MockModel

beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

describe('promoting', () => {
  it('goes from dev to staging, then to prod after the word', async () => {
    const newest = model().detail.latest_version
    renderAt('/models/titanic-survival')
    fireEvent.click(await screen.findByRole('button', { name: 'Promote to staging' }))
    const comparison = await screen.findByRole('table', { name: 'What changes' })
    expect(within(comparison).getByText('accuracy')).toBeTruthy()
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Promote to staging' }))
    await waitFor(() => expect(model().detail.environments.staging).toBe(newest))

    fireEvent.click(await screen.findByRole('button', { name: 'Promote to prod' }))
    const submit = () => within(screen.getByRole('dialog')).getByRole<HTMLButtonElement>('button', { name: 'Promote to prod' })
    expect(submit().disabled).toBe(true)
    fireEvent.change(screen.getByLabelText(/Type production/), { target: { value: 'production' } })
    expect(submit().disabled).toBe(false)
    fireEvent.click(submit())
    await waitFor(() => expect(model().detail.environments.prod).toBe(newest))
  })

  it('says in words why it was refused', async () => {
    server.intercept = (request) => (request.url.endsWith('/promote') ? problem(422, 'model_refused', 'The self-test gave other answers.') : undefined)
    renderAt('/models/titanic-survival')
    fireEvent.click(await screen.findByRole('button', { name: 'Promote to staging' }))
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Promote to staging' }))
    expect(await screen.findByText('The model-server refused the model')).toBeTruthy()
    expect(screen.getByText('The self-test gave other answers.')).toBeTruthy()
  })

  it('rolls back to the version before', async () => {
    renderAt('/models/titanic-survival')
    const button = await screen.findByRole('button', { name: /^Roll back to \d+$/ })
    const version = Number(button.textContent?.match(/\d+/)?.[0])
    fireEvent.click(button)
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Roll back' }))
    await waitFor(() => expect(model().detail.environments.dev).toBe(version))
  })
})

describe('a second person', () => {
  const waiting = (asked_by: string) => ({
    id: '0198c1de-7a3b-7000-a000-000000000077',
    model_name: 'titanic-survival',
    version: model().detail.environments.staging ?? 1,
    from: 'staging' as const,
    to: 'prod' as const,
    previous_version: model().detail.environments.prod ?? null,
    state: 'waiting' as const,
    asker: 'grace',
    asked_by,
    asked_at: new Date().toISOString(),
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    decider: null,
    decided_at: null,
    detail: null,
  })
  const somebody = '0198c1de-7a3b-7000-a000-000000000004'
  const state = () => server.access.approvals[0]?.state

  it('approves what somebody else asked for, after the word', async () => {
    server.access.approvals = [waiting(somebody)]
    renderAt('/models/titanic-survival')
    fireEvent.click(await screen.findByRole('button', { name: 'Approve' }))
    const submit = () => within(screen.getByRole('dialog')).getByRole<HTMLButtonElement>('button', { name: 'Promote to prod' })
    expect(submit().disabled).toBe(true)
    fireEvent.change(screen.getByLabelText(/Type production/), { target: { value: 'Production' } })
    expect(submit().disabled).toBe(true)
    fireEvent.change(screen.getByLabelText(/Type production/), { target: { value: 'production' } })
    fireEvent.click(submit())
    await waitFor(() => expect(state()).toBe('approved'))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Approve' })).toBeNull())
  })

  it('refuses it with a reason', async () => {
    server.access.approvals = [waiting(somebody)]
    renderAt('/models/titanic-survival')
    fireEvent.click(await screen.findByRole('button', { name: 'Refuse' }))
    fireEvent.change(screen.getByLabelText('Why, for grace'), { target: { value: 'not on a Friday' } })
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Refuse' }))
    await waitFor(() => expect(state()).toBe('refused'))
    expect(server.access.approvals[0]?.detail).toBe('not on a Friday')
  })

  it('only takes back what one asked for oneself', async () => {
    server.access.approvals = [waiting(server.access.me?.person_id ?? '')]
    renderAt('/models/titanic-survival')
    fireEvent.click(await screen.findByRole('button', { name: 'Take it back' }))
    expect(screen.queryByRole('button', { name: 'Approve' })).toBeNull()
    await waitFor(() => expect(state()).toBe('withdrawn'))
  })

  it('is told of on the dashboard, unless it is oneself who asked', async () => {
    server.access.approvals = [waiting(somebody)]
    renderAt('/')
    expect(await screen.findByText(/of titanic-survival waits for your approval/)).toBeTruthy()
  })
})

describe('trying a model', () => {
  it('sends the example and shows label and probabilities', async () => {
    renderAt('/models/titanic-survival?tab=try')
    const age = await screen.findByLabelText<HTMLInputElement>('Age')
    expect(age.value).toBe('29')
    click('Predict')
    expect(await screen.findByText('88.0 %')).toBeTruthy()
  })

  it('shows mistakes at their fields and sends nothing', async () => {
    let sent = 0
    server.intercept = (request) => {
      if (request.method === 'POST') sent += 1
      return undefined
    }
    renderAt('/models/titanic-survival?tab=try')
    fireEvent.change(await screen.findByLabelText('Pclass'), { target: { value: 'first' } })
    click('Predict')
    expect(await screen.findByText('Write a number.')).toBeTruthy()
    expect(screen.getByLabelText('Pclass').getAttribute('aria-invalid')).toBe('true')
    expect(sent).toBe(0)
  })

  it('shows the server’s refusal at the column it names, until that is corrected', async () => {
    const detail = 'column "Fare", row 0 (from 0): the model cannot take a missing value here'
    server.intercept = (request) => (request.method === 'POST' ? problem(400, 'bad_input', detail) : undefined)
    renderAt('/models/titanic-survival?tab=try')
    const fare = await screen.findByLabelText('Fare')
    click('Predict')
    expect(await screen.findByText(detail)).toBeTruthy()
    expect(fare.getAttribute('aria-invalid')).toBe('true')
    fireEvent.change(fare, { target: { value: '7' } })
    await waitFor(() => expect(screen.queryByText(detail)).toBeNull())
  })

  it('carries the row from the form to the JSON and back', async () => {
    renderAt('/models/titanic-survival?tab=try')
    fireEvent.change(await screen.findByLabelText('Age'), { target: { value: '' } })
    fireEvent.click(screen.getByRole('tab', { name: 'JSON' }))
    const editor = screen.getByLabelText<HTMLTextAreaElement>('The request’s body as JSON')
    expect(JSON.parse(editor.value)).toMatchObject([{ Age: null, Sex: 'female' }])
    fireEvent.change(editor, { target: { value: '[{"Age": 40, "Sex": "male", "Pclass": 3, "Fare": 8}]' } })
    fireEvent.click(screen.getByRole('tab', { name: 'Form' }))
    expect(screen.getByLabelText<HTMLInputElement>('Age').value).toBe('40')
    expect(screen.getByText(/curl -X POST/).textContent).toContain('"Sex":"male"')
  })
})

describe('what the notebook read', () => {
  const newest = () => model().versions[0]!
  const open = () => renderAt(`/models/titanic-survival?version=${newest().version}`)

  it('shows each table once, with the way to it as it was, and the queries on demand', async () => {
    open()
    const tables = within(await screen.findByRole('list', { name: 'Tables that the notebook read' }))
    expect(tables.getAllByRole('listitem').map((one) => one.textContent)).toEqual(['local.titanic.passengers, version 1', 'shop-prod.finance.rates, version q1TfJ0mC5sZ4bA=='])
    expect(tables.getAllByRole('link').map((one) => one.getAttribute('href'))).toEqual(['/tables/local.titanic.passengers?version=1'])
    const queries = screen.getByText('2 queries')
    expect(queries.closest('details')?.open).toBe(false)
    expect(screen.getByText(/^1,309 rows from local\.titanic\.passengers, version 1; shop-prod/)).toBeTruthy()
  })

  it('says that it was nothing', async () => {
    newest().reads = []
    open()
    expect(await screen.findByText('Nothing by mlsys.bq')).toBeTruthy()
  })

  it('bears what a notebook may have written there, and stays short', async () => {
    const tables = Array.from({ length: 9 }, (_, index) => ({ table: `<b>.x.t${index}`, version: '7' }))
    newest().reads = [{ query: '<script>', tables, rows: 0, at: 'yesterday' }]
    open()
    const list = within(await screen.findByRole('list', { name: 'Tables that the notebook read' }))
    expect(list.queryAllByRole('link')).toEqual([])
    expect(list.getByText('and 3 more')).toBeTruthy()
    expect(screen.getByText('<script>')).toBeTruthy()
  })
})
