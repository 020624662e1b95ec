import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PipelineDetail } from '../../api'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import type { MockServer } from '../../mock/server'
import { open } from '../../test/render'

let server: MockServer
beforeEach(() => {
  server = installMock(undefined, 0)
})
afterEach(() => setTransport(null))

function pick(test: (pipeline: PipelineDetail) => boolean): PipelineDetail {
  const found = server.pipelines.find(test)
  if (!found) throw new Error('the mock has no such pipeline')
  return found
}

describe('the page of a pipeline', () => {
  it('shows a failure: the cell, its traceback, the phase', async () => {
    const failed = pick((one) => one.status === 'failed' && one.phases[2]?.status === 'failed')
    open(`/pipelines/${failed.id}`)
    expect(await screen.findByRole('heading', { level: 1, name: /ipynb/ })).toBeTruthy()
    const cell = await screen.findByRole('article', { name: 'Code cell 5' })
    expect(within(cell).getByRole('group', { name: 'Error in cell 5' }).textContent).toContain('ValueError')
    expect(screen.getByText('execute failed:')).toBeTruthy()
    expect(screen.getByRole('button', { name: 'Retry' })).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull()
  })

  it('shows violations of the contract at their cells', async () => {
    const invalid = pick((one) => one.phases[1]?.status === 'failed')
    open(`/pipelines/${invalid.id}`)
    const cell = await screen.findByRole('article', { name: 'Code cell 1' })
    expect(await within(cell).findByText('MODEL_NAME is not a plain literal.')).toBeTruthy()
    expect(await screen.findByText('No cell is tagged mlops:export.')).toBeTruthy()
  })

  it('shows what a cell printed at length when it is asked for', async () => {
    const done = pick((one) => one.status === 'succeeded')
    open(`/pipelines/${done.id}`)
    const cell = await screen.findByRole('article', { name: 'Code cell 4' })
    expect(cell.textContent).toContain('epoch 1 ')
    expect(cell.textContent).not.toContain('epoch 2000 ')
    fireEvent.click(within(cell).getByRole('button', { name: /^Show all of it/ }))
    await waitFor(() => expect(screen.getByRole('article', { name: 'Code cell 4' }).textContent).toContain('epoch 2000 '))
    expect(screen.queryByRole('button', { name: /^Show all of it/ })).toBeNull()
  })

  it('cancels', async () => {
    const running = pick((one) => one.status === 'running')
    open(`/pipelines/${running.id}`)
    fireEvent.click(await screen.findByRole('button', { name: 'Cancel' }))
    await waitFor(() => expect(running.status).toBe('cancelled'))
    expect(await screen.findByText('Cancelled')).toBeTruthy()
  })

  it('runs again with only what was changed', async () => {
    const done = pick((one) => one.status === 'succeeded' && Object.keys(one.parameters).length === 0)
    const { router } = open(`/pipelines/${done.id}`)
    fireEvent.click(await screen.findByRole('button', { name: 'Re-run with parameters' }))
    const field = await screen.findByLabelText('test_size')
    fireEvent.change(field, { target: { value: 'much' } })
    expect(await screen.findByText(/Write a number/)).toBeTruthy()
    fireEvent.change(field, { target: { value: '0.4' } })
    fireEvent.click(screen.getByRole('button', { name: 'Run', hidden: true }))
    await waitFor(() => expect(server.pipelines[0]?.parameters).toEqual({ test_size: 0.4 }))
    await waitFor(() => expect(router.state.location.pathname).toBe(`/pipelines/${server.pipelines[0]?.id}`))
    expect(server.pipelines[0]?.commit_sha).toBe(done.commit_sha)
  })

  it('says what is wrong when there is no such pipeline', async () => {
    open('/pipelines/none')
    const alert = await screen.findByRole('alert')
    expect(alert.textContent).toContain('There is no pipeline none.')
    expect(alert.textContent).toContain('0198c1de')
  })
})

describe('the list of pipelines', () => {
  it('filters by its address, and walks with j and k', async () => {
    open('/pipelines?status=failed')
    const table = await screen.findByRole('table', { name: 'Pipelines' })
    const links = within(table).getAllByRole('link')
    expect(links).toHaveLength(server.pipelines.filter((one) => one.status === 'failed').length)
    fireEvent.keyDown(document.body, { key: 'j' })
    expect(document.activeElement).toBe(links[0])
    fireEvent.keyDown(document.activeElement ?? document.body, { key: 'j' })
    expect(document.activeElement).toBe(links[1])
    fireEvent.keyDown(document.activeElement ?? document.body, { key: 'k' })
    expect(document.activeElement).toBe(links[0])
  })

  it('says what to do first', async () => {
    server.pipelines = []
    open('/pipelines')
    expect(await screen.findByText('mlsys push path/to/repository')).toBeTruthy()
  })
})
