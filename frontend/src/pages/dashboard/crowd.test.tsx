import { configure, fireEvent, screen, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { renderAt } from '../../test/app'
import { crowdedServer } from '../../test/crowd'

beforeEach(() => {
  installMock(crowdedServer(), 0)
  // Long tables: to print them at each look at them would take longer than what is waited for.
  configure({ getElementError: (message) => new Error(message ?? 'not found') })
})
afterEach(() => setTransport(null))

it('counts ten thousand pipelines and two thousand models, and shows both failures', async () => {
  renderAt('/')
  expect(await screen.findByText('notebooks/model-77.ipynb on main fails in execute')).toBeTruthy()
  expect(screen.getByText(/^notebooks\/model-4321\.ipynb on .* fails in execute$/)).toBeTruthy()
  expect(screen.getByRole('heading', { name: 'Needs attention (2)' })).toBeTruthy()
  expect(screen.queryByText('Nothing needs you.')).toBeNull()
  expect(screen.getByText(/^10,000 pipelines · 2,000 models · /)).toBeTruthy()
  expect((await screen.findByRole('link', { name: 'All 2,000 models' })).getAttribute('href')).toBe('/models?sort=updated')
  expect(screen.getByRole('link', { name: '2,000 models in prod' }).getAttribute('href')).toBe('/models?environment=prod')
})

it('finds a model that is on no loaded page', async () => {
  const router = renderAt('/models')
  expect(await screen.findByText('2,000 models')).toBeTruthy()
  expect(screen.getByText('50 of 2,000')).toBeTruthy()
  expect(screen.queryByRole('link', { name: 'model-1999' })).toBeNull()
  fireEvent.change(screen.getByRole('searchbox', { name: 'Search models by name' }), { target: { value: 'EL-1999' } })
  expect(await screen.findByRole('link', { name: 'model-1999' })).toBeTruthy()
  expect(await screen.findByText('1 model')).toBeTruthy()
  expect(router.state.location.search).toBe('?search=EL-1999')
})

it('finds a pipeline that is on no loaded page, and lists those that need attention', async () => {
  renderAt('/pipelines')
  expect(await screen.findByText('10,000 pipelines')).toBeTruthy()
  fireEvent.change(screen.getByRole('searchbox', { name: 'Search pipelines' }), { target: { value: 'model-9876 acme' } })
  expect(await screen.findByText('1 pipeline')).toBeTruthy()
  expect(screen.getByRole('link', { name: /model-9876\.ipynb/ })).toBeTruthy()
  fireEvent.click(screen.getByRole('button', { name: 'Clear' }))
  expect(await screen.findByText('10,000 pipelines')).toBeTruthy()
  fireEvent.click(screen.getByRole('checkbox', { name: 'Needs attention' }))
  expect(await screen.findByText('2 pipelines')).toBeTruthy()
  expect(within(screen.getByRole('table', { name: 'Pipelines' })).getByRole('link', { name: /model-4321\.ipynb/ })).toBeTruthy()
})
