import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../stack'
import { come, world } from '../world'

/**
 * Fills the database as many pushes would: 10,000 pipelines, one a minute, each of a notebook of its own, and 2,000 models. Two
 * of the pipelines failed; the second of them and the last model are on no first page.
 */
const FILL = `
import sqlite3, sys, time
now = int(time.time() * 1000)
def name(number):
    made = now - number * 60_000
    return f"{made >> 16:08x}-{made & 0xffff:04x}-7000-8000-{number:012x}", made
with sqlite3.connect(sys.argv[1], timeout=30) as database:
    pipelines, versions, history, deployments = [], [], [], []
    for number in range(10_000):
        key, made = name(number)
        failed = number in (77, 4_321)
        pipelines.append((key, "crowd/shop", f"{number:040x}", f"crowd/model_{number}.ipynb", "failed" if failed else "succeeded",
                          0 if failed else 1, "cell 3 raised" if failed else None, made, made))
    start = database.execute("SELECT latest FROM deployment_changes").fetchone()[0]
    for number in range(2_000):
        key, made = name(number)
        versions.append((f"crowd-{number:04}", key, made))
        history.append((start + number + 1, f"crowd-{number:04}", key, made))
        deployments.append((f"crowd-{number:04}", start + number + 1))
    database.executemany("INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, manual, status, deployed, reason, created_at, finished_at) VALUES (?, ?, 'main', ?, ?, '{}', 0, ?, ?, ?, ?, ?)", pipelines)
    database.executemany("INSERT INTO versions (model_name, version, pipeline_id, flavour, uri, sha256, created_at) VALUES (?, 1, ?, 'onnx', 'file:///nowhere', '0', ?)", versions)
    database.executemany("INSERT INTO deployment_history (generation, model_name, environment, version, pipeline_id, uri, sha256, metrics, deployed_at) VALUES (?, ?, 'staging', 1, ?, 'file:///nowhere', '0', '{}', ?)", history)
    database.executemany("INSERT INTO deployments (model_name, environment, version, generation) VALUES (?, 'staging', 1, ?)", deployments)
`

function fill(): void {
  const python = process.env.MLSYS_PYTHON ?? join(root, '.mlsys/python/bin/python')
  execFileSync(python, ['-c', FILL, join(world.stack.home, 'mlsys.db')])
}

interface Counted {
  total: number
}

export function crowd(): void {
  it('shows right numbers, every failure and any model among 10,000 pipelines and 2,000 models', async () => {
    const before = await world.stack.get<Counted>('/api/pipelines?limit=1')
    const known = await world.stack.get<Counted>('/api/models?limit=1')
    const needed = await world.stack.get<Counted>('/api/pipelines?attention=true&limit=1')
    fill()
    const { page, complaints } = await come()
    await page.goto('/')
    const [pipelines, models] = [before.total + 10_000, known.total + 2_000].map((count) => count.toLocaleString('en'))
    await page.getByText(`${pipelines} pipelines · ${models} models`).waitFor()
    await page.getByRole('link', { name: `All ${models} models` }).waitFor()

    await page.goto('/pipelines?attention=true')
    await page.getByText(`${needed.total + 2} pipelines`, { exact: true }).waitFor()
    await page.getByRole('link', { name: /model_77\.ipynb/ }).waitFor()
    await page.getByRole('link', { name: /model_4321\.ipynb/ }).waitFor()

    await page.goto('/models')
    await page.getByText(`${models} models`, { exact: true }).waitFor()
    expect(await page.getByRole('link', { name: 'crowd-1999' }).count()).toBe(0)
    // From the keyboard alone.
    await page.keyboard.press('/')
    await page.keyboard.type('OWD-1999')
    await page.getByText('1 model', { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'crowd-1999' }).waitFor()

    await page.goto('/pipelines?search=CROWD/MODEL_4321')
    await page.getByText('1 pipeline', { exact: true }).waitFor()
    // The crowd's models have no files, which the model's page may have come to say.
    expect(complaints.filter((complaint) => !complaint.endsWith('/api/models/crowd-1999/versions/1'))).toEqual([])
  })

  it('answers an idle dashboard without a body', async () => {
    const first = await world.stack.fetch('/api/overview')
    const etag = first.headers.get('etag') ?? ''
    expect(((await first.json()) as { models: { models: number } }).models.models).toBeGreaterThanOrEqual(2_000)
    const again = await world.stack.fetch('/api/overview', { headers: { 'if-none-match': etag } })
    expect([again.status, await again.text()]).toEqual([304, ''])
  })
}
