import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NewScan } from '../../api'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'

let server: MockServer
/** Every scan that was asked for. */
let scans: NewScan[]

beforeEach(() => {
  server = installMock(undefined, 0)
  scans = []
  server.intercept = async (request) => {
    if (new URL(request.url).pathname === '/model-registry') scans.push({ ...(await request.clone().json()), method: request.method })
    return undefined as unknown as Response
  }
})
afterEach(() => setTransport(null))

const dialog = () => within(screen.getByRole('dialog'))
const versions = async (environment: string) => within(await screen.findByRole('table', { name: `Versions in ${environment}` }))
const scan = async () => fireEvent.click(await screen.findByRole('button', { name: 'Scan now' }))
const post = (environment: string, dry_run: boolean) => ({ environment, dry_run, method: 'POST' })
const mayNoMore = (...actions: string[]) => {
  const me = server.access.me!
  server.access.me = { ...me, may: me.may.filter((action) => !actions.includes(action)) }
}

it('shows the versions that the table has, and looks through no bucket for it', async () => {
  renderAt('/settings')
  fireEvent.click(await screen.findByRole('link', { name: 'Registry' }))
  const known = await versions('dev')
  const ours = within(known.getByRole('row', { name: /^titanic-survival v1 / }))
  expect(ours.getByRole('link').getAttribute('href')).toBe('/models/titanic-survival?version=1')
  expect([ours.getByText('mlsys'), ours.getByText(/^accuracy 0\./)]).toHaveLength(2)
  const theirs = within(known.getByRole('row', { name: /^by-hand v10 / }))
  expect([theirs.queryByRole('link'), theirs.getByText('ada').textContent]).toEqual([null, 'ada'])

  expect(screen.getByRole('link', { name: 'local.mlsys_dev.model_registry' }).getAttribute('href')).toBe('/tables/local.mlsys_dev.model_registry')
  const schedule = await screen.findByRole('link', { name: 'registry-scan-dev' })
  expect(schedule.getAttribute('href')).toMatch(/^\/schedules\/./)
  expect(screen.getByText('Last scan').nextSibling?.textContent).toMatch(/ago|min|hr/)
  expect(screen.queryByRole('button', { name: 'Make it a schedule' })).toBeNull()
  expect(screen.getByText('A scan tells of them')).toBeTruthy()
  expect(scans).toEqual([])

  fireEvent.change(screen.getByLabelText('Search versions by model'), { target: { value: 'by-hand' } })
  expect(await screen.findByText('2 versions')).toBeTruthy()
  expect(known.queryByRole('row', { name: /titanic/ })).toBeNull()
})

it('looks first, writes when that is wanted, and tells what was wrong', async () => {
  renderAt('/registry')
  await versions('dev')
  await scan()
  expect(within(await screen.findByRole('region', { name: 'New' })).getByText('by-hand/v11')).toBeTruthy()
  expect(within(dialog().getByRole('region', { name: 'Changed' })).getByText('by-hand/v10')).toBeTruthy()
  expect(within(dialog().getByRole('region', { name: 'Gone' })).getByText('by-hand/v9')).toBeTruthy()
  expect(dialog().getByText(/^by-hand\/latest\/model\.pkl: no/)).toBeTruthy()
  expect(scans).toEqual([post('dev', true)])
  expect((await versions('dev')).queryByRole('row', { name: /^by-hand v11 / })).toBeNull()

  fireEvent.click(dialog().getByRole('button', { name: 'Write the table' }))
  expect(await screen.findByRole('row', { name: /^by-hand v11 not known/ })).toBeTruthy()
  expect(screen.queryByRole('dialog')).toBeNull()
  expect(scans).toEqual([post('dev', true), post('dev', false)])
  expect(await screen.findByText('The table is written: 1 new, 1 changed, 1 gone.')).toBeTruthy()
  expect(screen.getByText('2 problems, listed below')).toBeTruthy()
  expect(screen.getByText(/^by-hand\/v11\/metadata\.json: expected/)).toBeTruthy()

  await scan()
  expect(await dialog().findByText(/The table says so already/)).toBeTruthy()
  expect(dialog().queryByRole('button', { name: 'Write the table' })).toBeNull()
})

it('says how there comes to be a table, by environment', async () => {
  const router = renderAt('/registry')
  fireEvent.click(await screen.findByRole('tab', { name: 'prod' }))
  expect(await screen.findByText('mlsys registry scan --env prod')).toBeTruthy()
  expect(router.state.location.search).toBe('?env=prod')
  expect(screen.getByText(/^Not known: one that finds nothing new/)).toBeTruthy()
  expect(screen.getByText('None yet')).toBeTruthy()
  await scan()
  fireEvent.click(await dialog().findByRole('button', { name: 'Write the table' }))
  expect((await versions('prod')).getAllByRole('row').length).toBeGreaterThan(1)
})

it('says of an empty bucket that it is empty', async () => {
  server.buckets.get('staging')!.entries = []
  renderAt('/registry?env=staging')
  await scan()
  expect(await dialog().findByText(/^0 versions lie in the bucket/)).toBeTruthy()
  fireEvent.click(dialog().getAllByRole('button', { name: 'Close' }).at(-1)!)
  expect(await screen.findByText('No version lies in the bucket of staging')).toBeTruthy()
})

it('makes a scan a schedule, of the environment that is looked at', async () => {
  const router = renderAt('/registry?env=prod')
  fireEvent.click(await screen.findByRole('button', { name: 'Make it a schedule' }))
  await screen.findByRole('dialog', { name: 'New schedule' })
  expect([dialog().getByLabelText<HTMLSelectElement>('What is done').value, dialog().getByLabelText<HTMLSelectElement>('Environment').value]).toEqual(['registry_scan', 'prod'])
  await dialog().findByText(/^At 0 minutes past|^Every hour/)
  fireEvent.click(dialog().getByRole('button', { name: 'Create' }))
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/schedules\/./))
  expect(server.schedules.find(({ kept }) => kept.name === 'registry-scan-prod')?.kept).toMatchObject({ work: { kind: 'registry_scan', environment: 'prod' }, cron: '0 * * * *' })
})

it('lets those only look who may not scan', async () => {
  mayNoMore('batch_predictions', 'schedules')
  renderAt('/registry?env=prod')
  expect(await screen.findByText(/Operators start it\.$/)).toBeTruthy()
  expect([screen.queryByRole('button', { name: 'Scan now' }), screen.queryByRole('button', { name: 'Make it a schedule' })]).toEqual([null, null])
})

it('says why a bucket can’t be looked through, and looks again', async () => {
  let broken = true
  const detail = 'local.mlsys_dev.model_registry is no table of this registry; move it away: it is made anew'
  server.intercept = (request) => (broken && request.url.endsWith('/model-registry') ? problem(409, 'another_table', detail) : undefined)
  renderAt('/registry')
  await scan()
  expect(await dialog().findByText('The bucket could not be looked through')).toBeTruthy()
  expect(dialog().getByText(detail)).toBeTruthy()
  broken = false
  fireEvent.click(dialog().getByRole('button', { name: 'Try again' }))
  expect(await dialog().findByRole('button', { name: 'Write the table' })).toBeTruthy()
})

it('says of another table under that name that it is one, and of what can’t be read why', async () => {
  server.tables.find((one) => one.name === 'local.mlsys_dev.model_registry')!.columns.pop()
  renderAt('/registry')
  expect(await screen.findByText('This is another table')).toBeTruthy()
  server.intercept = (request) => (request.url.includes('/api/tables/') ? problem(403, 'forbidden', 'this takes the role viewer for everything') : undefined)
  fireEvent.click(screen.getByRole('tab', { name: 'staging' }))
  expect(await screen.findByText('The registry could not be read')).toBeTruthy()
  expect(screen.getByText('this takes the role viewer for everything')).toBeTruthy()
})
