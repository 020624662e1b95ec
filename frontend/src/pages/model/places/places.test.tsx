import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { createMemoryRouter, RouterProvider } from 'react-router'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Environment, type TrafficCandidate, useModel } from '../../../api'
import { setTransport } from '../../../api/transport'
import { installMock } from '../../../mock'
import { problem } from '../../../mock/http'
import type { MockModel } from '../../../mock/models'
import type { MockServer } from '../../../mock/server'
import { TrafficTab } from '../TrafficTab'

let server: MockServer
/** What was sent, in order. */
let sent: { method: string; path: string; body: unknown }[]
const model = () => server.models.get('titanic-survival') as MockModel
const region = (environment: Environment) => screen.findByRole('region', { name: `Traffic in ${environment}` })
const press = (part: HTMLElement, name: string | RegExp) => fireEvent.click(within(part).getByRole('button', { name }))
const dialog = () => screen.getByRole('dialog')
const field = (label: string | RegExp) => within(dialog()).getByLabelText<HTMLInputElement>(label, { selector: 'input, select' })
const type = (label: string | RegExp, value: string) => fireEvent.change(field(label), { target: { value } })
const tried = (change: Partial<TrafficCandidate> = {}): TrafficCandidate => ({
  version: model().detail.latest_version,
  weight: 10,
  shadow: 0,
  since: new Date().toISOString(),
  by: 'grace',
  rules: null,
  verdict: null,
  ...change,
})

function Tab() {
  const { data } = useModel('titanic-survival')
  return data && <TrafficTab model={data} />
}

async function openTraffic() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  render(
    <QueryClientProvider client={client}>
      <RouterProvider router={createMemoryRouter([{ path: '*', Component: Tab }])} />
    </QueryClientProvider>,
  )
  return { dev: await region('dev'), staging: await region('staging'), prod: await region('prod') }
}

beforeEach(() => {
  server = installMock(undefined, 0)
  sent = []
  server.intercept = async (request) => {
    if (request.method === 'GET') return undefined as unknown as Response
    sent.push({ method: request.method, path: new URL(request.url).pathname, body: await request.clone().json() })
    return undefined as unknown as Response
  }
})
afterEach(() => setTransport(null))

describe('trying a version', () => {
  it('sends the shares and rules that were asked for', async () => {
    const newest = model().detail.latest_version
    const { staging } = await openTraffic()
    press(staging, 'Try a version here…')
    await within(dialog()).findByRole('option', { name: new RegExp(`Version ${newest}`) })
    type('Share of the requests', '25')
    type('Shadow', '40')
    fireEvent.click(within(dialog()).getByRole('checkbox', { name: /Let rules decide/ }))
    type('Errors, at most', '0.5')
    type('Decide after', '1000')
    type('If it keeps to all of them', 'promote')
    press(dialog(), 'Try it')
    await waitFor(() => expect(sent).toHaveLength(1))
    expect(sent[0]).toEqual({
      method: 'PUT',
      path: '/api/models/titanic-survival/traffic',
      body: {
        environment: 'staging',
        version: newest,
        weight: 25,
        shadow: 40,
        rules: { min_requests: 1000, max_error_rate: 0.005, max_latency_ratio: 1.5, min_agreement: 0.99, within_minutes: 60, on_pass: 'promote' },
      },
    })
    expect(await within(staging).findByText(`Version ${newest} answers 25 of 100 requests.`, { exact: false })).toBeTruthy()
    expect(within(staging).getByRole('list', { name: 'Shares in staging' }).textContent).toMatch(/75 %.*25 %/)
    expect(within(staging).getByText(/0 of 1000 requests so far/)).toBeTruthy()
  })

  it('takes the word in production', async () => {
    const { prod } = await openTraffic()
    press(prod, 'Try a version here…')
    const submit = () => within(dialog()).getByRole<HTMLButtonElement>('button', { name: 'Try it' })
    await within(dialog()).findAllByRole('option')
    expect(submit().disabled).toBe(true)
    type(/Type production/, 'prod')
    expect(submit().disabled).toBe(true)
    type(/Type production/, 'production')
    fireEvent.click(submit())
    await waitFor(() => expect(model().candidates.prod?.weight).toBe(10))
    expect(sent[0]?.body).toMatchObject({ confirm: 'production', rules: null })
  })

  it('sends nothing while a share is no percentage', async () => {
    const { staging } = await openTraffic()
    press(staging, 'Try a version here…')
    await within(dialog()).findAllByRole('option')
    type('Share of the requests', '150')
    expect(field('Share of the requests').getAttribute('aria-invalid')).toBe('true')
    press(dialog(), 'Try it')
    await Promise.resolve()
    expect(sent).toEqual([])
  })

  it('shows who else is tried, as the server says it, and changes nothing', async () => {
    const { staging } = await openTraffic()
    press(staging, 'Try a version here…')
    await within(dialog()).findAllByRole('option')
    server.intercept = (request) => (request.method === 'PUT' ? problem(409, 'another_candidate', 'Version 3 is tried in staging: promote or withdraw it first.') : undefined)
    press(dialog(), 'Try it')
    expect((await within(dialog()).findByRole('alert')).textContent).toMatch(/Another version is tried there.*Version 3 is tried in staging/)
    expect(within(staging).queryByRole('button', { name: 'Withdraw' })).toBeNull()
  })

  it('moves by one with the arrow keys of the slider, and by ten with its page keys', async () => {
    const { staging } = await openTraffic()
    press(staging, 'Try a version here…')
    const slider = within(dialog()).getByRole<HTMLInputElement>('slider', { name: /Share of the requests/ })
    expect([slider.step, slider.min, slider.max]).toEqual(['1', '0', '100'])
    for (const [key, value] of [
      ['PageUp', '20'],
      ['PageDown', '10'],
      ['PageDown', '0'],
      ['PageDown', '0'],
    ] as const) {
      fireEvent.keyDown(slider, { key })
      expect(slider.value).toBe(value)
    }
    expect(field('Share of the requests').value).toBe('0')
  })
})

describe('a version that is tried', () => {
  it('is given another share by a button, once', async () => {
    model().candidates.staging = tried()
    const { staging } = await openTraffic()
    const slider = within(staging).getByRole('slider', { name: /Share of version/ })
    const apply = within(staging).getByRole<HTMLButtonElement>('button', { name: 'Apply' })
    expect(apply.disabled).toBe(true)
    for (const value of ['11', '20', '35']) fireEvent.change(slider, { target: { value } })
    expect(within(staging).getByRole('list', { name: 'Shares in staging' }).textContent).toMatch(/90 %.*10 %/)
    fireEvent.click(apply)
    await waitFor(() => expect(within(staging).getByRole('list', { name: 'Shares in staging' }).textContent).toMatch(/65 %.*35 %/))
    expect(sent).toHaveLength(1)
  })

  it('is given more of production after the word, and less of it without', async () => {
    model().candidates.prod = tried()
    const { prod } = await openTraffic()
    const share = within(prod).getByRole('spinbutton', { name: /Share of version/ })
    fireEvent.change(share, { target: { value: '30' } })
    press(prod, 'Apply')
    type(/Type production/, 'production')
    press(dialog(), 'Change it')
    await waitFor(() => expect(model().candidates.prod?.weight).toBe(30))
    expect(sent[0]?.body).toMatchObject({ weight: 30, confirm: 'production' })
    await waitFor(() => expect(within(prod).getByRole<HTMLInputElement>('spinbutton', { name: /Share of version/ }).value).toBe('30'))
    fireEvent.change(within(prod).getByRole('spinbutton', { name: /Share of version/ }), { target: { value: '5' } })
    press(prod, 'Apply')
    await waitFor(() => expect(model().candidates.prod?.weight).toBe(5))
    expect(sent[1]?.body).not.toHaveProperty('confirm')
  })

  it('says why another share was refused', async () => {
    model().candidates.staging = tried()
    server.intercept = (request) => (request.method === 'PUT' ? problem(409, 'no_candidate', 'No version is tried in staging any more.') : undefined)
    const { staging } = await openTraffic()
    fireEvent.change(within(staging).getByRole('spinbutton', { name: /Share of version/ }), { target: { value: '50' } })
    press(staging, 'Apply')
    expect((await within(staging).findByRole('alert')).textContent).toMatch(/tried there no more/)
  })

  it('is promoted, and what served before stands by', async () => {
    const former = model().detail.environments.staging
    model().candidates.staging = tried()
    const { staging } = await openTraffic()
    press(staging, 'Promote')
    press(dialog(), 'Promote')
    expect(await within(staging).findByText(`Version ${former} stands by for the way back`, { exact: false })).toBeTruthy()
    expect(sent).toEqual([{ method: 'POST', path: '/api/models/titanic-survival/traffic/promote', body: { environment: 'staging' } }])
    expect(within(staging).getByText(`Version ${model().detail.latest_version}: promoted by owner`, { exact: false })).toBeTruthy()
    expect(within(staging).queryByRole('button', { name: 'Promote' })).toBeNull()
    expect(within(staging).getByRole('button', { name: 'Try a version here…' })).toBeTruthy()
  })

  it('is promoted in production after the word', async () => {
    model().candidates.prod = tried()
    const { prod } = await openTraffic()
    press(prod, 'Promote')
    expect(within(dialog()).getByRole<HTMLButtonElement>('button', { name: 'Promote' }).disabled).toBe(true)
    type(/Type production/, 'production')
    press(dialog(), 'Promote')
    await waitFor(() => expect(model().detail.environments.prod).toBe(model().detail.latest_version))
  })

  it('is withdrawn', async () => {
    model().candidates.prod = tried({ weight: 20 })
    const { prod } = await openTraffic()
    press(prod, 'Withdraw')
    press(dialog(), 'Withdraw')
    await waitFor(() => expect(within(prod).queryByRole('button', { name: 'Withdraw' })).toBeNull())
    expect(sent).toEqual([{ method: 'POST', path: '/api/models/titanic-survival/traffic/withdraw', body: { environment: 'prod' } }])
    expect(within(prod).getByRole('list', { name: 'Shares in prod' }).textContent).toMatch(/100 %/)
  })

  it('shows why its rules took it back, and lets another be tried', async () => {
    const verdict = { at: new Date().toISOString(), outcome: 'withdrawn' as const, reason: '3 % of its requests failed, 0.4 % of the current version’s' }
    model().candidates.staging = tried({ weight: 0, verdict })
    const { staging } = await openTraffic()
    expect(within(staging).getByText('Taken back')).toBeTruthy()
    expect(within(staging).getByText(/3 % of its requests failed/)).toBeTruthy()
    expect(within(staging).getByRole('button', { name: 'Try a version here…' })).toBeTruthy()
    expect(within(staging).queryByRole('button', { name: /Withdraw|Promote|Apply/ })).toBeNull()
  })

  it('is compared with the current one', async () => {
    model().candidates.prod = tried({ weight: 10, shadow: 50 })
    const { prod } = await openTraffic()
    const rows = within(within(prod).getByRole('table', { name: 'Comparison in prod' })).getAllByRole('rowheader')
    expect(rows.map((row) => row.textContent)).toEqual(['Requests/s', 'Errors', 'p50', 'p99'])
    expect(within(prod).getByText(/% of \d+ rows/)).toBeTruthy()
  })

  it('has no numbers where no model-server counts any', async () => {
    model().candidates.prod = tried({ weight: 0, shadow: 50 })
    const { counters } = model()
    counters.traffic = () => []
    const { prod } = await openTraffic()
    expect(within(prod).getByText(/^No request came in yet\./)).toBeTruthy()
    expect(within(prod).getByText('No row was compared yet')).toBeTruthy()
    expect(screen.getByText('No requests are counted')).toBeTruthy()
  })
})

describe('who is no operator', () => {
  it('sees what is tried, and has no buttons', async () => {
    model().candidates.prod = tried({ rules: { min_requests: 200, max_error_rate: 0.01, max_latency_ratio: 1.5, min_agreement: null, within_minutes: 60, on_pass: 'keep' } })
    const { me } = server.access
    if (me) server.access.me = { ...me, grants: [{ role: 'viewer' }], may: ['see'] }
    const { dev, staging, prod } = await openTraffic()
    expect(within(prod).getByText(/answers 10 of 100 requests/)).toBeTruthy()
    expect(within(prod).getByText(/After 200 requests it is taken back/)).toBeTruthy()
    for (const place of [dev, staging, prod]) {
      expect(within(place).queryByRole('button')).toBeNull()
      expect(within(place).queryByRole('slider')).toBeNull()
    }
  })
})
