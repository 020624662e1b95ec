import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installMock } from '../mock'
import type { MockServer } from '../mock/server'
import { api, data } from './client'
import { worthRetrying } from './polling'
import { ApiProblem, asProblem } from './problem'
import { setTransport } from './transport'

let server: MockServer

beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

async function failure(call: Promise<unknown>): Promise<ApiProblem> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ApiProblem)
  return error as ApiProblem
}

describe('the API client', () => {
  it('gives the body of a success', async () => {
    const page = await data(api.GET('/api/pipelines', { params: { query: { limit: 3 } } }))
    expect(page.items).toHaveLength(3)
    expect(page.next).toBe('3')
  })

  it('turns a problem into an error with code, detail and request', async () => {
    const problem = await failure(data(api.GET('/api/pipelines/{id}', { params: { path: { id: 'none' } } })))
    expect(problem).toMatchObject({ code: 'not_found', status: 404, detail: 'There is no pipeline none.' })
    expect(problem.requestId).toMatch(/^0198c1de/)
  })

  it('makes sense of an answer that is no problem document', async () => {
    server.intercept = () => new Response('<html>Bad gateway</html>', { status: 502, headers: { 'x-request-id': 'r-1' } })
    const problem = await failure(data(api.GET('/api/settings')))
    expect(problem).toMatchObject({ code: 'http_502', status: 502, requestId: 'r-1' })
  })

  it('says that the server cannot be reached', async () => {
    server.intercept = () => Promise.reject(new TypeError('fetch failed'))
    expect(await failure(data(api.GET('/api/settings')))).toMatchObject({ code: 'unreachable', status: 0 })
  })
})

describe('retries', () => {
  it('are for lost connections and restarts, twice at most', () => {
    const problem = (status: number) => new ApiProblem({ code: 'x', title: '', detail: '', status })
    expect(worthRetrying(0, problem(0))).toBe(true)
    expect(worthRetrying(1, problem(503))).toBe(true)
    expect(worthRetrying(2, problem(503))).toBe(false)
    expect(worthRetrying(0, problem(404))).toBe(false)
    expect(worthRetrying(0, problem(500))).toBe(false)
  })
})

describe('asProblem', () => {
  it('takes any thrown value', () => {
    expect(asProblem(new Error('broken')).detail).toBe('broken')
    expect(asProblem('text').code).toBe('unexpected')
  })
})
