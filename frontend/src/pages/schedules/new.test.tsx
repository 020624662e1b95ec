import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NewSchedule } from '../../api'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockServer } from '../../mock/server'
import { ownZone } from '../../schedules/zone'
import { renderAt } from '../../test/app'

let server: MockServer
let sent: NewSchedule[]
let previewed: string[]

beforeEach(() => {
  server = installMock(undefined, 0)
  sent = []
  previewed = []
  server.intercept = async (request) => {
    const url = new URL(request.url)
    if (url.pathname === '/api/schedules/next') previewed.push(`${url.searchParams.get('cron')} in ${url.searchParams.get('time_zone')}`)
    if (request.method === 'POST') sent.push((await request.clone().json()) as NewSchedule)
    return undefined as unknown as Response
  }
})
afterEach(() => setTransport(null))

const dialog = () => within(screen.getByRole('dialog'))
const field = (label: string) => dialog().getByLabelText<HTMLInputElement>(label)
const type = (label: string, value: string) => fireEvent.change(field(label), { target: { value } })
const press = (name: string) => fireEvent.click(dialog().getByRole('button', { name }))
const open = async () => {
  const router = renderAt('/schedules?new=')
  await screen.findByRole('dialog', { name: 'New schedule' })
  return router
}

it('makes a schedule for a batch prediction, named after it', async () => {
  const router = await open()
  expect(field('Time zone').value).toBe(ownZone())
  type('Model', 'titanic-survival')
  type('Environment', 'dev')
  type('Input table', 'local.titanic.passengers')
  type('If it has rows', 'WRITE_TRUNCATE')
  press('Weekdays at 07:00')
  type('Time zone', 'America/New_York')
  type('If the one before still runs', 'replace')
  expect(dialog().getByText('When its time comes, the one before is cancelled, and the new one begins.')).toBeTruthy()
  type('Firings that were missed', 'skip')
  expect(field('Name').value).toBe('titanic-survival-predictions-dev')
  // There is one of that name.
  press('Create')
  expect(await dialog().findByText(/^another schedule is called titanic-survival-predictions-dev/)).toBeTruthy()
  await waitFor(() => expect(document.activeElement).toBe(field('Name')))
  type('Name', 'weekdays')
  expect(dialog().queryByText(/^another schedule is called/)).toBeNull()
  press('Create')
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/schedules\/.+/))
  expect(sent.at(-1)).toEqual({
    name: 'weekdays',
    work: {
      kind: 'batch_prediction',
      model_name: 'titanic-survival',
      environment: 'dev',
      version: null,
      input_table: 'local.titanic.passengers',
      output_table: 'local.titanic.passengers_predictions',
      write_disposition: 'WRITE_TRUNCATE',
      id_columns: null,
      on_reject: 'table',
    },
    cron: '0 7 * * 1-5',
    time_zone: 'America/New_York',
    overlap: 'replace',
    misfire: 'skip',
    paused: false,
  })
  expect(await screen.findByRole('heading', { level: 1, name: 'weekdays' })).toBeTruthy()
})

it('shows when it would fire while one types, in its zone, and where clocks change', async () => {
  await open()
  const preview = within(dialog().getByRole('region', { name: 'Preview of the next firings' }))
  expect(await preview.findByText('At 02:30.')).toBeTruthy()
  type('Time zone', 'Europe/Berlin')
  type('Cron pattern', '0 6 1 *')
  type('Cron pattern', '0 6 1 * *')
  expect(await preview.findByText('At 06:00, on day 1 of the month.')).toBeTruthy()
  const moments = preview.getAllByRole('listitem').map((item) => item.textContent ?? '')
  expect(moments).toHaveLength(10)
  for (const moment of moments) expect(moment).toMatch(/ 1, \d{4}, 06:00 UTC\+0[12]:00/)
  // Ten months have a change of clocks, whenever they begin.
  expect(preview.getAllByText(/^Clocks go (forward|back) before it$/).length).toBeGreaterThan(0)
  expect(new Set(moments.map((moment) => /UTC\S{6}/.exec(moment)?.[0]))).toEqual(new Set(['UTC+01:00', 'UTC+02:00']))
  // What was passed through on the way there was not asked for.
  expect(previewed).toEqual([`30 2 * * * in ${ownZone()}`, '0 6 1 * * in Europe/Berlin'])
})

it('says at the pattern what the API says of it, and sends nothing', async () => {
  await open()
  type('Cron pattern', '61 2 * * *')
  expect(await dialog().findByText(/^"61 2 \* \* \*" is no cron pattern/)).toBeTruthy()
  expect(field('Cron pattern').getAttribute('aria-invalid')).toBe('true')
  expect(dialog().getByRole('region', { name: 'Preview of the next firings' }).textContent).toBe('When it would fire shows here, once the pattern and its time zone can be read.')
  type('What is done', 'retention')
  press('Create')
  await waitFor(() => expect(document.activeElement).toBe(field('Cron pattern')))
  expect(sent).toEqual([])
  press('Hourly')
  expect(dialog().queryByText(/is no cron pattern/)).toBeNull()
  expect(await dialog().findByText('Every hour.')).toBeTruthy()
  expect(dialog().getByRole('button', { name: 'Hourly' }).getAttribute('aria-pressed')).toBe('true')
})

it('says at the zone that the API does not know it', async () => {
  server.intercept = (request) => (request.url.includes('/schedules/next') ? problem(400, 'bad_time_zone', 'there is no time zone Asia/Tokyo') : undefined)
  await open()
  type('Time zone', 'Asia/Tokyo')
  expect(await dialog().findByText('there is no time zone Asia/Tokyo')).toBeTruthy()
  expect(field('Time zone').getAttribute('aria-invalid')).toBe('true')
})

it('says in its place that the preview can’t be asked for', async () => {
  server.intercept = (request) => (request.url.includes('/schedules/next') ? problem(500, 'internal', 'the clock has stopped') : undefined)
  await open()
  expect(await dialog().findByText('The next firings could not be asked for')).toBeTruthy()
})

it('makes a schedule for a notebook, with parameters that are JSON', async () => {
  const router = await open()
  type('What is done', 'retraining')
  type('Notebook', 'train/churn.ipynb')
  type('Parameters', '{epochs: 3}')
  press('Create')
  expect(await dialog().findByText('Choose a repository.')).toBeTruthy()
  expect(dialog().getByText(/^Write an object in JSON/)).toBeTruthy()
  await waitFor(() => expect(document.activeElement).toBe(field('Repository')))
  type('Repository', 'acme/nothing')
  type('Parameters', '{"epochs": 3}')
  press('Create')
  expect(await dialog().findByText('acme/nothing is not registered: POST /api/repos registers it')).toBeTruthy()
  type('Repository', 'acme/churn')
  await waitFor(() => expect(document.getElementById(field('Repository').getAttribute('list') ?? '')?.querySelector('[value="acme/churn"]')).toBeTruthy())
  fireEvent.click(dialog().getByLabelText(/^Paused at first/))
  expect(field('Name').value).toBe('churn-churn-retraining')
  press('Create')
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/schedules\/.+/))
  expect(sent.at(-1)).toMatchObject({
    name: 'churn-churn-retraining',
    work: { kind: 'retraining', repo: 'acme/churn', branch: 'main', notebook_path: 'train/churn.ipynb', parameters: { epochs: 3 } },
    paused: true,
  })
})

it.each([
  ['Branch', 'nowhere', 'acme/churn has no branch nowhere'],
  ['Branch', 'two words', 'branch must be the name of a branch'],
  ['Notebook', 'train/churn.py', 'notebook_path must be the path of an .ipynb file in the repository'],
])('says at its field what is wrong with a notebook: %s %s', async (label, value, says) => {
  await open()
  type('What is done', 'retraining')
  type('Repository', 'acme/churn')
  type('Notebook', 'train/churn.ipynb')
  type(label, value)
  press('Create')
  await dialog().findByText(says)
  await waitFor(() => expect(document.activeElement).toBe(field(label)))
  expect(field(label).getAttribute('aria-invalid')).toBe('true')
})

it('makes a schedule that scans a registry, named after its environment', async () => {
  const router = await open()
  type('What is done', 'registry_scan')
  expect([field('Environment').value, field('Name').value]).toEqual(['dev', 'registry-scan-dev'])
  type('Environment', 'prod')
  expect(dialog().getByText('local.mlsys_prod.model_registry says what its bucket has.')).toBeTruthy()
  press('Create')
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/schedules\/.+/))
  expect(sent.at(-1)).toMatchObject({ name: 'registry-scan-prod', work: { kind: 'registry_scan', environment: 'prod' } })
  expect(await screen.findByText('local.mlsys_prod.model_registry', { selector: 'dd' })).toBeTruthy()
})

it('does not make up for each of what it would end', async () => {
  await open()
  type('What is done', 'retention')
  const each = () => dialog().getByRole<HTMLOptionElement>('option', { name: 'Make up for each' })
  expect(each().disabled).toBe(false)
  type('Firings that were missed', 'all')
  type('If the one before still runs', 'replace')
  expect(each().disabled).toBe(true)
  expect(dialog().getByText(/^Each that is made up for would end the one before it/)).toBeTruthy()
  press('Create')
  await waitFor(() => expect(document.activeElement).toBe(field('Firings that were missed')))
  expect(sent).toEqual([])
  type('Firings that were missed', 'once')
  expect(field('Firings that were missed').getAttribute('aria-invalid')).toBe('false')
})

it('shows a refusal at the field that it names', async () => {
  await open()
  type('Model', 'titanic-survival')
  type('Input table', 'local.titanic.nothing')
  type('Name', 'new')
  press('Create')
  expect(await dialog().findByText(/^there is no table local\.titanic\.nothing/)).toBeTruthy()
  await waitFor(() => expect(document.activeElement).toBe(field('Input table')))
})
