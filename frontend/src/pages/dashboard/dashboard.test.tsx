import { screen, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
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

it('shows what runs, what needs a person and what serves', async () => {
  renderAt('/')
  const running = (await screen.findByRole('heading', { name: 'Running now' })).closest('section') as HTMLElement
  expect(await within(running).findByText('titanic-survival-example.ipynb')).toBeTruthy()
  expect(await screen.findByText('No push to acme/churn has arrived yet')).toBeTruthy()
  const matrix = await screen.findByRole('table', { name: 'Models by environment' })
  expect(within(matrix).getByRole('link', { name: 'house-price' }).getAttribute('href')).toBe('/models/house-price')
})

it('asks few questions', async () => {
  const asked: string[] = []
  server.intercept = (request) => {
    asked.push(new URL(request.url).pathname)
    return undefined
  }
  renderAt('/')
  await screen.findByText('No push to acme/churn has arrived yet')
  expect(asked.filter((path) => !path.startsWith('/api/models/')).length).toBeLessThanOrEqual(6)
})

it('tells a fresh installation what to do first', async () => {
  Object.assign(server, { pipelines: [], models: new Map(), repos: [] })
  renderAt('/')
  expect(await screen.findByText('mlsys push')).toBeTruthy()
  expect(screen.getByText('mlops:export')).toBeTruthy()
  expect(screen.getByRole('link', { name: 'Add a repository' }).getAttribute('href')).toBe('/repositories?add=')
})

it('says what to do when the API fails', async () => {
  server.intercept = (request) => (request.url.includes('/api/overview') ? problem(500, 'internal', 'The database is locked.') : undefined)
  renderAt('/')
  expect(await screen.findByText('The database is locked.')).toBeTruthy()
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
})
