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

it('makes a key for one model, and shows it once', async () => {
  renderAt('/keys')
  fireEvent.click(await screen.findByRole('button', { name: 'Make a key' }))
  const dialog = within(screen.getByRole('dialog'))
  fireEvent.change(dialog.getByLabelText('Name'), { target: { value: 'the app' } })
  fireEvent.change(dialog.getByLabelText('For'), { target: { value: 'model' } })
  fireEvent.change(dialog.getByLabelText('Model'), { target: { value: 'titanic' } })
  fireEvent.change(dialog.getByLabelText('Environment'), { target: { value: 'prod' } })
  fireEvent.click(dialog.getByRole('button', { name: 'Make it' }))
  expect(await screen.findByText(/^mlsys_12345678/, { selector: 'dialog code' })).toBeTruthy()
  expect(server.access.keys[0]).toMatchObject({ name: 'the app', grants: [{ role: 'predictor', model: 'titanic', environment: 'prod' }] })
  fireEvent.click(screen.getByRole('button', { name: 'Done' }))
  expect(await screen.findByText('predictor of titanic in prod')).toBeTruthy()
  expect(screen.queryByText(/^mlsys_1234567800/)).toBeNull()
})

it('revokes a key after asking', async () => {
  renderAt('/keys')
  fireEvent.click(await screen.findByRole('button', { name: 'Revoke the shop' }))
  fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Revoke' }))
  await waitFor(() => expect(server.access.keys.find((key) => key.name === 'the shop')?.revoked_at).toBeTruthy())
})

it('says what keys are for where there is none', async () => {
  server.access.keys = []
  renderAt('/keys')
  expect(await screen.findByText('No key yet')).toBeTruthy()
})
