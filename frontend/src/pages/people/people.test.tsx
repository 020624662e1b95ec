import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'

let server: MockServer

beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

it('invites somebody, and shows the address to send', async () => {
  renderAt('/people')
  fireEvent.click(await screen.findByRole('button', { name: 'Invite somebody' }))
  const dialog = within(screen.getByRole('dialog'))
  fireEvent.change(dialog.getByLabelText('Login'), { target: { value: 'ada' } })
  fireEvent.change(dialog.getByLabelText(/^Role/), { target: { value: 'operator' } })
  fireEvent.click(dialog.getByRole('button', { name: 'Invite' }))
  expect(await screen.findByText('http://localhost:8000/sign-in#invitation=abc123')).toBeTruthy()
  expect(server.access.people.at(-1)).toMatchObject({ login: 'ada', grants: [{ role: 'operator' }] })
})

it('changes what somebody may', async () => {
  renderAt('/people')
  fireEvent.click(await screen.findByRole('button', { name: 'Change grace' }))
  const dialog = within(screen.getByRole('dialog'))
  fireEvent.change(dialog.getByLabelText('For'), { target: { value: 'all' } })
  fireEvent.click(dialog.getByRole('button', { name: 'Save' }))
  await waitFor(() => expect(server.access.people[0]?.grants).toEqual([{ role: 'developer' }]))
})

it('says why the last admin stays', async () => {
  renderAt('/people')
  fireEvent.click(await screen.findByRole('button', { name: 'Change owner' }))
  const dialog = within(screen.getByRole('dialog'))
  fireEvent.click(dialog.getByRole('button', { name: 'Remove' }))
  fireEvent.click(dialog.getByRole('button', { name: 'Remove, with their keys' }))
  expect(await screen.findByText('nobody would be left who decides about people')).toBeTruthy()
})

it('shows who changed what, and only what is asked for', async () => {
  renderAt('/audit')
  expect(await screen.findByText('403 Forbidden')).toBeTruthy()
  expect(screen.getByText(/version 3 in staging → version 4 in staging/)).toBeTruthy()
  fireEvent.change(screen.getByLabelText('Only one kind of change'), { target: { value: 'promote' } })
  await waitFor(() => expect(screen.queryByText('403 Forbidden')).toBeNull())
  expect(screen.getByRole('link', { name: 'Save as CSV' }).getAttribute('href')).toBe('/api/audit?action=promote&format=csv')
})

it('says who one is, and signs out', async () => {
  const router = renderAt('/settings')
  expect(await screen.findByText('owner')).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Sign out' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'))
  expect(server.access.me).toBeNull()
})
