import { fireEvent, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import { problem } from '../../mock/http'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'
import { given, onward } from './address'

let server: MockServer

beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

it('reads what an address has behind its #, and nothing else', () => {
  expect(given('#token=ab12')).toEqual({ kind: 'token', token: 'ab12' })
  expect(given('#invitation=ab12')).toEqual({ kind: 'invitation', token: 'ab12' })
  for (const other of ['', '#', '#token=', '#token=<script>', '#other=ab', '#token=ab&x=1']) expect(given(other)).toBeNull()
})

it('goes on to pages of this dashboard only', () => {
  expect(onward('/pipelines?status=failed')).toBe('/pipelines?status=failed')
  for (const foreign of [null, '', 'https://attacker.example', '//attacker.example', '/\\attacker.example', 'javascript:alert(1)', '/sign-in?next=/']) expect(onward(foreign)).toBe('/')
})

it('signs in by an address, once, and goes on', async () => {
  const asked: string[] = []
  server.intercept = (request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`)
    return undefined
  }
  const router = renderAt('/sign-in?next=%2Fkeys#token=abc123')
  await waitFor(() => expect(router.state.location.pathname).toBe('/keys'))
  expect(asked.filter((one) => one === 'POST /api/sessions')).toHaveLength(1)
  expect(router.state.location.hash).toBe('')
})

it('takes an address that is pasted over the page', async () => {
  const router = renderAt('/sign-in')
  await screen.findByLabelText('Login')
  await router.navigate('/sign-in#token=abc123')
  await waitFor(() => expect(router.state.location.pathname).toBe('/'))
})

it('says what is wrong with a password, and takes the right one', async () => {
  const router = renderAt('/sign-in')
  fireEvent.change(await screen.findByLabelText('Login'), { target: { value: 'owner' } })
  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'wrong' } })
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }))
  expect(await screen.findByText('no such login, or another password')).toBeTruthy()
  expect(router.state.location.pathname).toBe('/sign-in')
  fireEvent.change(screen.getByLabelText('Password'), { target: { value: 'correct horse' } })
  fireEvent.click(screen.getByRole('button', { name: 'Sign in' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/'))
})

it('lets whoever is invited choose a password, twice the same', async () => {
  const router = renderAt('/sign-in#invitation=abc123')
  const choose = await screen.findByRole<HTMLButtonElement>('button', { name: 'Choose it and sign in' })
  fireEvent.change(screen.getByLabelText(/^Password/), { target: { value: 'a long password' } })
  fireEvent.change(screen.getByLabelText('The same again'), { target: { value: 'another' } })
  expect(screen.getByText('That is another password.')).toBeTruthy()
  expect(choose.disabled).toBe(true)
  fireEvent.change(screen.getByLabelText(/^The same again/), { target: { value: 'a long password' } })
  fireEvent.click(choose)
  await waitFor(() => expect(router.state.location.pathname).toBe('/'))
})

it('leads to the issuer where there is one, and says why it did not work', async () => {
  server.access.issuer = 'keycloak.example.org'
  renderAt('/sign-in?refused=no_role&next=%2Fmodels%3Fsearch%3Da')
  const link = await screen.findByRole<HTMLAnchorElement>('link', { name: 'Sign in with keycloak.example.org' })
  expect(link.getAttribute('href')).toBe('/api/sign-in/issuer?next=%2Fmodels%3Fsearch%3Da')
  expect(screen.getByRole('alert').textContent).toContain('none of your groups')
  expect(screen.getByLabelText('Login')).toBeTruthy()
})

it('has no way to an issuer where there is none, and none that an address names', async () => {
  renderAt('/sign-in?refused=%3Cb%3Enonsense%3C%2Fb%3E')
  await screen.findByLabelText('Login')
  expect(screen.getByRole('alert').textContent).toBe('You are not signed in. Try again.')
  expect(screen.queryByRole('link')).toBeNull()
})

it('leads to the sign-in, and back, when the session is over', async () => {
  const router = renderAt('/repositories?search=acme')
  await screen.findByRole('heading', { name: 'Repositories' })
  server.intercept = (request) => (new URL(request.url).pathname === '/api/keys' ? problem(401, 'unauthorized', 'sign in') : undefined)
  await router.navigate('/keys')
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'))
  expect(router.state.location.search).toBe('?next=%2Fkeys')
})
