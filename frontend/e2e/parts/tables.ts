import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { violations } from '../axe'
import { come, world } from '../world'

/** The model of the story, and the tables that it is given and that it makes. */
const MODEL = 'iris-species'
const FLOWERS = 'local.garden.flowers'
const SPECIES = 'local.garden.species'
const ROWS = 600

interface Manifest {
  signature: { columns: { name: string }[] }
  input_example: { columns: string[]; data: unknown[][] }
}

/** A table of the rows that the model was packaged with, again and again; one of them has a gap where the model takes none. */
async function plant(): Promise<void> {
  const { manifest } = await world.stack.get<{ manifest: Manifest }>(`/api/models/${MODEL}/versions/1`)
  const { columns, data } = manifest.input_example
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const values = data[row % data.length]?.map(String) ?? []
    return [row, ...(row === 7 ? values.map(() => '') : values)].join(',')
  })
  const file = join(world.stack.home, 'flowers.csv')
  writeFileSync(file, `${['flower', ...columns].join(',')}\n${lines.join('\n')}\n`)
  await world.stack.cli('tables', 'import', file, FLOWERS)
}

export function tables(): void {
  it('are empty at first, and say how one is made', async () => {
    const { page } = await come()
    await page.goto('/tables')
    await page.getByText('mlsys tables import').first().waitFor()
    await page.goto('/batch-predictions')
    await page.getByText('No batch prediction').first().waitFor()
    expect(await violations(page)).toEqual([])
  })

  it('are shown, scored after a look at what that would do, and their rejects kept apart', async () => {
    await plant()
    const { page } = await come()
    await page.goto('/tables')
    await page.getByRole('link', { name: FLOWERS }).click()
    await page.getByRole('heading', { name: FLOWERS }).waitFor()
    await page.getByRole('button', { name: 'Score this table' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Model').fill(MODEL)
    await dialog.getByLabel('Output table').fill(SPECIES)
    await dialog.getByRole('button', { name: 'Check' }).click()
    const preview = dialog.getByRole('region', { name: 'What would be done' })
    await preview.getByText(`${ROWS} rows`, { exact: false }).waitFor()
    await preview.getByText('PredictionProbability').waitFor()
    await dialog.getByRole('button', { name: 'Start' }).click()
    await page.waitForURL('**/batch-predictions/*')
    await page.getByText('Succeeded', { exact: true }).first().waitFor({ timeout: 60_000 })
    await page
      .getByText(/^(setosa|versicolor|virginica)$/)
      .first()
      .waitFor()
    expect(await violations(page)).toEqual([])
    await page
      .getByRole('link', { name: `${SPECIES}_rejects` })
      .first()
      .click()
    await page.getByText('RejectReason').first().waitFor()
    await page.goto('/batch-predictions')
    await page
      .getByRole('link', { name: new RegExp(MODEL) })
      .first()
      .waitFor()
    const made = await world.stack.get<{ items: { rows_done: number; rows_rejected: number }[] }>('/api/batch-predictions')
    expect(made.items.map(({ rows_done, rows_rejected }) => [rows_done, rows_rejected])).toEqual([[ROWS, 1]])
  })

  it('of which one is missing is said so at its field', async () => {
    const { page } = await come()
    await page.goto('/batch-predictions?new=')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Model').fill(MODEL)
    await dialog.getByLabel('Input table').fill('local.garden.nothing')
    await dialog.getByLabel('Output table').fill(SPECIES)
    await dialog.getByRole('button', { name: 'Check' }).click()
    await dialog.getByText('there is no table local.garden.nothing').waitFor()
  })
}
