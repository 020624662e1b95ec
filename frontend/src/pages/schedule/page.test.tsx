import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FiringStatus } from '../../api'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import { makeFiring } from '../../mock/schedules'
import type { MockServer } from '../../mock/server'
import { dayIn } from '../../schedules/zone'
import { renderAt } from '../../test/app'
import { bodyOf } from './backfill'
import { dayName } from './days'

const NIGHTLY = 'customer-churn-predictions-prod'
const MANY = 'iris-every-five-minutes'
const PAUSED = 'house-price-retraining'
const DECLARED = 'loans-retraining'

let server: MockServer
let sent: [path: string, body: unknown][]

beforeEach(() => {
  server = installMock(undefined, 0)
  sent = []
  server.intercept = async (request) => {
    const path = new URL(request.url).pathname.replace(/^.*\//, '')
    if (request.method !== 'GET') sent.push([path, JSON.parse((await request.clone().text()) || 'null')])
    return undefined as unknown as Response
  }
})
afterEach(() => setTransport(null))

const kept = (name: string) => server.schedules.find((one) => one.kept.name === name)!
const open = async (name: string, search = '') => {
  const router = renderAt(`/schedules/${kept(name).kept.id}${search}`)
  await screen.findByRole('heading', { level: 1, name })
  return router
}
const button = (name: string | RegExp) => screen.findByRole('button', { name })
const press = async (name: string) => fireEvent.click(await button(name))
const dialog = () => within(screen.getByRole('dialog'))
const fact = (name: string) => screen.getByText(name, { selector: 'dt' }).nextElementSibling as HTMLElement
const rows = async () => (await screen.findByRole('table', { name: 'Firings' })).querySelectorAll('tbody tr')
const under = (name: string, status: FiringStatus) => {
  const firing = { ...makeFiring(kept(name).kept.id, new Date().toISOString(), 'manual', Date.now() + 60_000), status, started_at: new Date().toISOString() }
  kept(name).firings.unshift(firing)
  return firing
}

describe('the page of a schedule', () => {
  it('shows what it does, when, and what comes next in its zone', async () => {
    await open(NIGHTLY)
    expect(screen.getByText('customer-churn, prod: acme.shop.customers → acme.shop.churn_predictions')).toBeTruthy()
    expect([screen.getByText('Active'), screen.getByText('At 02:30, Europe/Berlin')]).toHaveLength(2)
    expect(within(fact('Input')).getByRole('link').getAttribute('href')).toBe('/tables/acme.shop.customers')
    expect([fact('Cron pattern').textContent, fact('Overlap').textContent]).toEqual(['30 2 * * *', 'A firing whose time comes meanwhile is skipped.'])
    const next = within(screen.getByRole('list', { name: 'Next firings' })).getAllByRole('listitem')
    expect(next).toHaveLength(10)
    for (const one of next) expect(one.textContent).toMatch(/, 02:30 UTC\+0[12]:00/)
  })

  it('lists its firings: when, why, how they went and what they began', async () => {
    Object.assign(kept(NIGHTLY).firings[0]!, { status: 'failed', reason: 'the model is not deployed', batch_id: null, cause: 'backfill' })
    await open(NIGHTLY)
    const [first, second] = await rows()
    expect(first?.textContent).toMatch(/02:30 UTC\+0[12]:00.*Back-fill.*Failed.*the model is not deployed/)
    expect(second?.querySelector('a')?.getAttribute('href')).toMatch(/^\/batch-predictions\/.+/)
    expect((await rows()).length).toBe(50)
    await press('Load more')
    await waitFor(async () => expect((await rows()).length).toBe(kept(NIGHTLY).firings.length))
  })

  it('runs it now, follows that and links to what it began', async () => {
    await open(NIGHTLY)
    await rows()
    await press('Run now')
    await waitFor(() => expect(sent).toEqual([['run', null]]))
    expect(await screen.findByText('1 firing under way')).toBeTruthy()
    const link = await screen.findByRole('link', { name: 'Running: its batch prediction' })
    expect(link.getAttribute('href')).toBe(`/batch-predictions/${server.batches[0]?.id}`)
    await waitFor(async () => expect((await rows())[0]?.textContent).toMatch(/Run by hand.*Running/))
  })

  it('pauses and resumes it', async () => {
    await open(PAUSED)
    expect(screen.getByText(/^None: it is paused\./)).toBeTruthy()
    await press('Resume')
    expect(await screen.findByRole('list', { name: 'Next firings' })).toBeTruthy()
    await press('Pause')
    await waitFor(() => expect(kept(PAUSED).kept.paused).toBe(true))
    expect(sent).toEqual([
      [kept(PAUSED).kept.id, { paused: false }],
      [kept(PAUSED).kept.id, { paused: true }],
    ])
  })

  it('can only be paused and run where a file declares it', async () => {
    await open(DECLARED)
    expect(fact('Declared by').textContent).toBe('acme/loans: notebooks/mlsys.toml@4f2a91c')
    for (const name of ['Edit', 'Delete']) expect(screen.queryByRole('button', { name })).toBeNull()
    await press('Pause')
    await waitFor(() => expect(kept(DECLARED).kept.paused).toBe(true))
  })

  it('changes what was edited, and nothing else', async () => {
    await open(PAUSED)
    await press('Edit')
    expect(screen.getByRole('dialog', { name: `Edit ${PAUSED}` })).toBeTruthy()
    expect(dialog().queryByLabelText('Name')).toBeNull()
    expect(dialog().getByLabelText<HTMLInputElement>('Repository').readOnly).toBe(true)
    expect(dialog().getByLabelText<HTMLTextAreaElement>('Parameters').value).toContain('"epochs": 20')
    fireEvent.change(dialog().getByLabelText('Cron pattern'), { target: { value: '0 6 * * 2' } })
    fireEvent.click(dialog().getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(sent).toEqual([[kept(PAUSED).kept.id, { cron: '0 6 * * 2' }]])
    expect(fact('Cron pattern').textContent).toBe('0 6 * * 2')
  })

  it('cancels what waits and runs, after asking', async () => {
    const firing = under(PAUSED, 'running')
    await open(PAUSED)
    await press('Cancel')
    fireEvent.click(dialog().getByRole('button', { name: 'Let it go on' }))
    expect(sent).toEqual([])
    await press('Cancel')
    fireEvent.click(dialog().getByRole('button', { name: 'Cancel it' }))
    await waitFor(() => expect(firing.status).toBe('cancelled'))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull())
  })

  it('deletes it after asking', async () => {
    const router = await open(PAUSED)
    await press('Delete')
    fireEvent.click(dialog().getByRole('button', { name: 'Delete' }))
    await waitFor(() => expect(router.state.location.pathname).toBe('/schedules'))
    expect(kept(PAUSED)).toBeUndefined()
    await screen.findByRole('table', { name: 'Schedules' })
    expect(screen.queryByRole('link', { name: new RegExp(PAUSED) })).toBeNull()
  })

  it('says why it could not be deleted', async () => {
    server.intercept = (request) => (request.method === 'DELETE' ? problem(500, 'internal', 'the database is locked') : undefined)
    await open(PAUSED)
    await press('Delete')
    fireEvent.click(dialog().getByRole('button', { name: 'Delete' }))
    expect(await dialog().findByText('The schedule was not deleted')).toBeTruthy()
  })

  it('only shows others than operators what there is', async () => {
    Object.assign(server.access.me!, { grants: [{ role: 'developer' }], may: ['see', 'run', 'cancel', 'retry'] })
    under(NIGHTLY, 'running')
    await open(NIGHTLY)
    await rows()
    for (const name of ['Run now', 'Pause', 'Edit', 'Back-fill', 'Cancel', 'Delete']) expect(screen.queryByRole('button', { name })).toBeNull()
  })

  it('says that there is none of that name', async () => {
    renderAt('/schedules/0198c1de-7a3b-7000-a000-000000000001')
    expect(await screen.findByText('The schedule could not be loaded')).toBeTruthy()
    expect(screen.getByText(/^there is no schedule/)).toBeTruthy()
  })
})

describe('the calendar of a schedule', () => {
  it('keeps the firings of one day, as the address says', async () => {
    const day = dayIn(Date.parse(kept(NIGHTLY).firings[3]!.scheduled_for), 'Europe/Berlin')
    const router = await open(NIGHTLY, `?day=${day}`)
    await waitFor(async () => expect((await rows()).length).toBe(1))
    const chosen = await button(new RegExp(`^${dayName(day)}`))
    expect(chosen.getAttribute('aria-pressed')).toBe('true')
    expect(screen.getByText(`${dayName(day)}: 1 firing`)).toBeTruthy()
    await press('Show all days')
    await waitFor(async () => expect((await rows()).length).toBe(50))
    expect(router.state.location.search).toBe('')
    fireEvent.click(chosen)
    await waitFor(() => expect(router.state.location.search).toBe(`?day=${day}`))
  })

  it('loads a thousand firings for a month by itself, and says that there are others', async () => {
    // None comes meanwhile.
    kept(MANY).kept.paused = true
    const pages: (string | null)[] = []
    server.intercept = (request) => {
      const url = new URL(request.url)
      if (url.pathname.endsWith('/firings')) pages.push(url.searchParams.get('after'))
      return undefined
    }
    await open(MANY)
    await press('Previous month')
    // Two months: in the first days of one, those of the month before it are all there.
    await press('Previous month')
    expect(await screen.findByText(/are not loaded\.$/)).toBeTruthy()
    expect(pages).toEqual([null, '200', '400', '600', '800'])
    await press('Load older ones')
    await waitFor(() => expect(pages.at(-1)).toBe('1000'))
  })
})

describe('a back-fill', () => {
  const span = (from: string, to: string) => {
    fireEvent.change(dialog().getByLabelText('From'), { target: { value: from } })
    fireEvent.change(dialog().getByLabelText('To, not included'), { target: { value: to } })
  }
  const click = (name: string) => fireEvent.click(dialog().getByRole('button', { name }))
  const isOff = (name: string) => dialog().getByRole<HTMLButtonElement>('button', { name }).disabled

  it('says first how many firings it makes, and then makes just those', async () => {
    await open(NIGHTLY)
    const before = kept(NIGHTLY).firings.length
    await press('Back-fill')
    // Over the change of clocks: three nights, of which the second is an hour shorter.
    span('2026-03-28T00:00', '2026-03-31T00:00')
    expect(isOff('Back-fill')).toBe(true)
    click('Check')
    expect(await dialog().findByText('3 firings')).toBeTruthy()
    expect(dialog().getByText(/Nothing is made yet/).textContent).toBe('3 firings, from Sat, Mar 28, 2026, 02:30 UTC+01:00 to Mon, Mar 30, 2026, 02:30 UTC+02:00. Nothing is made yet.')
    const body = { from: '2026-03-27T23:00:00.000Z', to: '2026-03-30T22:00:00.000Z' }
    expect(sent).toEqual([['backfill', { ...body, dry_run: true }]])
    expect(kept(NIGHTLY).firings.length).toBe(before)
    // A change has to be checked again.
    span('2026-03-28T00:00', '2026-03-30T00:00')
    expect(isOff('Back-fill')).toBe(true)
    span('2026-03-28T00:00', '2026-03-31T00:00')
    click('Check')
    await dialog().findByText('3 firings')
    click('Back-fill')
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())
    expect(sent.at(-1)).toEqual(['backfill', body])
    expect(kept(NIGHTLY).firings.length).toBe(before + 3)
    expect(await screen.findByText('3 firings made.')).toBeTruthy()
  })

  it('has nothing to make where none is missing', async () => {
    await open(PAUSED)
    await press('Back-fill')
    span('2026-03-31T00:00', '2026-03-31T00:01')
    click('Check')
    expect(await dialog().findByText('No firing is missing between the two.')).toBeTruthy()
    expect(isOff('Back-fill')).toBe(true)
  })

  it('says what is wrong with a span, and what the API says of it', async () => {
    await open(MANY)
    await press('Back-fill')
    span('2026-03-31T00:00', '2026-03-30T00:00')
    click('Check')
    expect(await dialog().findByText('Choose an end that is after the beginning.')).toBeTruthy()
    expect(sent).toEqual([])
    span('2026-01-01T00:00', '2026-03-30T00:00')
    click('Check')
    expect(await dialog().findByText(/more than 1000 firings/)).toBeTruthy()
    expect(bodyOf({ from: '', to: '' }, 'UTC', Date.now())).toHaveProperty('problem')
    expect(bodyOf({ from: '2026-01-02T00:00', to: '2026-01-03T00:00' }, 'UTC', Date.parse('2026-01-01T23:00Z'))).toHaveProperty('problem')
  })
})
