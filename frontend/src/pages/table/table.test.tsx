import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setTransport } from '../../api/transport'
import { installMock } from '../../mock'
import type { MockServer } from '../../mock/server'
import { renderAt } from '../../test/app'

let server: MockServer
let asked: string[]

beforeEach(() => {
  server = installMock(undefined, 0)
  asked = []
  server.intercept = (request) => {
    asked.push(request.url.replace(/^.*\/api\//, ''))
    return undefined
  }
})
afterEach(() => setTransport(null))

const table = (name: string) => within(screen.getByRole('table', { name }))
const tab = (name: RegExp) => fireEvent.click(screen.getByRole('tab', { name }))

describe('the page of a table', () => {
  it('shows its columns and how much it has', async () => {
    renderAt('/tables/local.titanic.passengers')
    await screen.findByRole('table', { name: 'Columns' })
    expect(screen.getByText(/^1,309 rows · 8 columns · 55 kB in 3 files · version 2/)).toBeTruthy()
    const age = within(table('Columns').getByRole('row', { name: /^Age/ }))
    expect([age.getByText('double'), age.getByText('yes')]).toHaveLength(2)
    expect(within(table('Columns').getByRole('row', { name: /^Pclass/ })).getByText('no')).toBeTruthy()
    // Its rows are read when somebody wants to see them.
    expect(asked.some((path) => path.includes('/sample'))).toBe(false)
  })

  it('shows its first rows: gaps as gaps, long values cut and whole at the focus', async () => {
    renderAt('/tables/local.titanic.passengers')
    await screen.findByRole('table', { name: 'Columns' })
    tab(/^Sample/)
    const rows = within(await screen.findByRole('table', { name: 'First rows of local.titanic.passengers' })).getAllByRole('row')
    expect(rows).toHaveLength(21)
    expect(within(rows[4]!).getAllByText('gap').length).toBeGreaterThan(1)
    const long = within(rows[1]!).getByText(/^Boarded late/)
    expect([long.tabIndex, long.title.endsWith('that they had.')]).toEqual([0, true])
    expect(screen.getByText(/^The first 20 rows of version 2\./)).toBeTruthy()
    expect(asked).toContain('tables/local.titanic.passengers/sample?rows=20&version=2')
  })

  it('shows an older version: its columns, its rows, and that there is a newer one', async () => {
    const router = renderAt('/tables/local.titanic.passengers?tab=versions')
    await screen.findByRole('table', { name: 'Versions' })
    const versions = table('Versions').getAllByRole('row')
    expect(versions.slice(1).map((row) => within(row).getByRole('link').textContent)).toEqual(['Version 2(looked at)', 'Version 1', 'Version 0'])
    expect(within(versions[2]!).getByText('more-passengers')).toBeTruthy()
    expect(within(versions[1]!).getByText('WRITE_TRUNCATE')).toBeTruthy()

    fireEvent.click(within(versions[2]!).getByRole('link'))
    expect(await screen.findByText(/as it was at version 1\. The newest is version 2/)).toBeTruthy()
    expect(router.state.location.search).toBe('?tab=versions&version=1')
    tab(/^Columns/)
    await screen.findByText(/^1,309 rows · 7 columns/)
    expect(table('Columns').queryByText('Notes')).toBeNull()
    tab(/^Sample/)
    await screen.findByText(/^The first 20 rows of version 1\./)

    fireEvent.change(screen.getByLabelText('Version'), { target: { value: '0' } })
    await screen.findByText(/^891 rows · 7 columns/)
    fireEvent.click(screen.getByRole('button', { name: 'Show the newest' }))
    await screen.findByText(/^1,309 rows · 8 columns/)
    expect(screen.queryByText(/^This is the table as it was/)).toBeNull()
    expect(router.state.location.search).toBe('?tab=sample')
  })

  it('says that a version, or a table, can’t be read, and why', async () => {
    renderAt('/tables/local.titanic.passengers?version=77')
    expect(await screen.findByText('Version 77 could not be read')).toBeTruthy()
    expect(screen.getByText('local.titanic.passengers has no version 77')).toBeTruthy()
    fireEvent.click(await screen.findByRole('button', { name: 'Show the newest' }))
    await screen.findByRole('table', { name: 'Columns' })
  })

  it('says why it can’t be read at all', async () => {
    renderAt('/tables/acme.legacy.orders')
    expect(await screen.findByText('The table could not be read')).toBeTruthy()
    expect(screen.getByText(/has deletion vectors/)).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Score this table' })).toBeNull()
  })

  it('says that there are no rows where there are none', async () => {
    renderAt('/tables/local.titanic.waiting_list?tab=sample')
    expect(await screen.findByText('Version 0 has no rows.')).toBeTruthy()
  })
})

describe('scoring a table', () => {
  it('begins with the table as the input', async () => {
    renderAt('/tables/local.titanic.passengers')
    fireEvent.click(await screen.findByRole('button', { name: 'Score this table' }))
    const dialog = within(screen.getByRole('dialog', { name: 'New batch prediction' }))
    expect(dialog.getByLabelText<HTMLInputElement>('Input table').value).toBe('local.titanic.passengers')
    expect(dialog.getByLabelText<HTMLInputElement>('Output table').value).toBe('local.titanic.passengers_predictions')
    await waitFor(() => expect(dialog.getByText('1,309 rows, 8 columns, 55 kB, version 2')).toBeTruthy())
  })

  it('is for operators', async () => {
    Object.assign(server.access.me!, { grants: [{ role: 'developer' }], may: ['see', 'run', 'cancel', 'retry'] })
    renderAt('/tables/local.titanic.passengers')
    await screen.findByRole('table', { name: 'Columns' })
    expect(screen.queryByRole('button', { name: 'Score this table' })).toBeNull()
  })
})
