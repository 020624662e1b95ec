import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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

it('checks an address while one types it, says what to paste, and adds it', async () => {
  const router = renderAt('/repositories?add=')
  fireEvent.change(await screen.findByLabelText('Repository'), { target: { value: 'https://github.com/acme/new.git' } })
  expect(await screen.findByText('Read as acme/new')).toBeTruthy()
  expect(await screen.findByText('mlsys can read it')).toBeTruthy()
  expect(screen.getByText('https://mlsys.example.org/webhook/github')).toBeTruthy()
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Add repository' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/repositories/6'))
  expect(server.repos.at(-1)).toMatchObject({ full_name: 'acme/new', branch: 'main' })
})

it('leads to a repository that is registered already', async () => {
  renderAt('/repositories?add=')
  fireEvent.change(await screen.findByLabelText('Repository'), { target: { value: 'acme/pricing' } })
  const link = await screen.findByRole('link', { name: 'Open it' })
  expect(link.getAttribute('href')).toBe('/repositories/3')
  expect(within(screen.getByRole('dialog')).getByRole<HTMLButtonElement>('button', { name: 'Add repository' }).disabled).toBe(true)
})

it('saves only what was changed', async () => {
  renderAt('/repositories/3')
  fireEvent.change(await screen.findByLabelText('Branches'), { target: { value: 'main' } })
  fireEvent.click(screen.getByRole('button', { name: 'Save' }))
  await waitFor(() => expect(server.repos.find((repo) => repo.id === 3)).toMatchObject({ branch: 'main', cpu: '4' }))
})

it('removes a repository after asking', async () => {
  const router = renderAt('/repositories/4')
  fireEvent.click(await screen.findByRole('button', { name: 'Remove' }))
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Remove' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/repositories'))
  expect(server.repos.some((repo) => repo.id === 4)).toBe(false)
})

it('explains local repositories without a webhook', async () => {
  renderAt('/repositories/1')
  expect(await screen.findByText('git push mlsys main')).toBeTruthy()
  expect(screen.queryByText('Payload URL')).toBeNull()
})

it('sets a secret, shows its name and nothing else, and removes it', async () => {
  renderAt('/repositories/3')
  fireEvent.click(await screen.findByRole('button', { name: 'Set a secret' }))
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'warehouse' } })
  fireEvent.change(screen.getByLabelText('Value'), { target: { value: 'hunter2 of the warehouse' } })
  fireEvent.click(screen.getByRole('button', { name: 'Set it' }))
  expect(await screen.findByText('WAREHOUSE')).toBeTruthy()
  expect(document.body.textContent).not.toContain('hunter2')
  fireEvent.click(screen.getByRole('button', { name: 'Remove WAREHOUSE' }))
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Remove' }))
  await waitFor(() => expect(server.secrets.get(3)).toEqual([]))
})

it('shows no secrets to who may not know them', async () => {
  server.intercept = (request) => (request.url.endsWith('/secrets') ? problem(403, 'forbidden', "this takes an admin's rights") : undefined)
  renderAt('/repositories/3')
  expect(await screen.findByText('Webhook')).toBeTruthy()
  await waitFor(() => expect(screen.queryByText('Secrets')).toBeNull())
})

describe('data', () => {
  const dialog = () => within(screen.getByRole('dialog'))
  const allow = (place: string, access: 'read' | 'write') => {
    fireEvent.click(screen.getByRole('button', { name: 'Allow data' }))
    fireEvent.change(dialog().getByLabelText('Dataset or bucket'), { target: { value: place } })
    fireEvent.change(dialog().getByLabelText('Notebooks may'), { target: { value: access } })
    fireEvent.click(dialog().getByRole('button', { name: 'Allow it' }))
  }

  it('is allowed, changed and forbidden again, buckets too', async () => {
    renderAt('/repositories/3')
    expect(await screen.findByText(/^None\. Datasets and buckets/)).toBeTruthy()
    allow(' gs://shop ', 'read')
    await screen.findByText('gs://shop')
    allow('local.titanic', 'write')
    await screen.findByText('local.titanic')
    expect(server.data.get(3)).toMatchObject([
      { place: 'gs://shop', access: 'read' },
      { place: 'local.titanic', access: 'write' },
    ])

    fireEvent.click(screen.getByRole('button', { name: 'Change gs://shop' }))
    expect(dialog().getByLabelText<HTMLInputElement>('Dataset or bucket').readOnly).toBe(true)
    fireEvent.change(dialog().getByLabelText('Notebooks may'), { target: { value: 'write' } })
    fireEvent.click(dialog().getByRole('button', { name: 'Save' }))
    await waitFor(() => expect(server.data.get(3)?.map((one) => one.access)).toEqual(['write', 'write']))
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull())

    fireEvent.click(screen.getByRole('button', { name: 'Forbid gs://shop' }))
    expect(dialog().getByText(/from their next run on/)).toBeTruthy()
    expect(server.data.get(3)).toHaveLength(2)
    fireEvent.click(dialog().getByRole('button', { name: 'Forbid' }))
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Forbid gs://shop' })).toBeNull())
    expect(server.data.get(3)?.map((one) => one.place)).toEqual(['local.titanic'])
  })

  it('says at the name how one is written, and keeps what was typed', async () => {
    renderAt('/repositories/3')
    await screen.findByText(/^None\. Datasets and buckets/)
    allow('gs://shop/orders.csv', 'write')
    const name = await screen.findByLabelText<HTMLInputElement>('Dataset or bucket')
    await waitFor(() => expect(name.getAttribute('aria-invalid')).toBe('true'))
    expect(document.getElementById(name.getAttribute('aria-describedby') ?? '')?.textContent).toContain('or a bucket as gs://bucket')
    await waitFor(() => expect(document.activeElement).toBe(name))
    expect([name.value, dialog().getByLabelText<HTMLSelectElement>('Notebooks may').value]).toEqual(['gs://shop/orders.csv', 'write'])
    fireEvent.change(name, { target: { value: 'gs://shop' } })
    expect(name.getAttribute('aria-invalid')).toBe('false')
  })

  it('says that there is too much of it', async () => {
    server.data.set(
      3,
      Array.from({ length: 100 }, (_, index) => ({ place: `local.d${index}`, access: 'read' as const, set_by: 'ann', set_at: new Date().toISOString() })),
    )
    renderAt('/repositories/3')
    await screen.findByText('local.d99')
    allow('local.titanic', 'read')
    expect(await screen.findByText('The data was not allowed')).toBeTruthy()
    expect(screen.getByText(/at most 100 datasets and buckets: remove one first/)).toBeTruthy()
  })

  it('is shown to nobody who may not decide about it', async () => {
    server.intercept = (request) => (request.url.endsWith('/data') ? problem(403, 'forbidden', "this takes an admin's rights") : undefined)
    renderAt('/repositories/3')
    expect(await screen.findByText('Webhook')).toBeTruthy()
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Allow data' })).toBeNull())
  })
})
