import type { Page } from 'playwright-core'
import type { Stack } from './stack'

export interface Place {
  name: string
  path: string
  /** Waits until the page shows what it is about. */
  ready: (page: Page) => Promise<void>
}

const heading = (name: string | RegExp) => async (page: Page) => {
  await page.getByRole('heading', { name }).first().waitFor()
  await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' })
}

interface Named {
  items: { id: string; name: string; status: string; notebook_path: string }[]
}

/** Every page of the dashboard, with what is stored in an mlsys. */
export async function places(stack: Stack): Promise<Place[]> {
  const pipelines = (await stack.get<Named>('/api/pipelines?limit=200')).items
  const models = (await stack.get<Named>('/api/models')).items
  const repos = (await stack.get<Named>('/api/repos')).items
  const all = (status: string) => pipelines.filter((pipeline) => pipeline.status === status)
  const one = (status: string) => (all(status).find((pipeline) => /iris|weigh/.test(pipeline.notebook_path)) ?? all(status)[0])?.id ?? ''
  const model = models.find((found) => found.name === 'iris-species')?.name ?? models[0]?.name ?? ''
  return [
    { name: 'dashboard', path: '/', ready: heading('Latest pipelines') },
    { name: 'pipelines', path: '/pipelines', ready: heading('Pipelines') },
    { name: 'pipeline-succeeded', path: `/pipelines/${one('succeeded')}`, ready: heading('Gates') },
    { name: 'pipeline-failed', path: `/pipelines/${one('failed')}`, ready: heading('Gates') },
    { name: 'models', path: '/models', ready: heading('Models') },
    { name: 'model-versions', path: `/models/${model}?version=1`, ready: heading('Files') },
    { name: 'model-try', path: `/models/${model}?tab=try`, ready: heading('Request') },
    { name: 'model-metrics', path: `/models/${model}?tab=metrics`, ready: heading(model) },
    { name: 'model-traffic', path: `/models/${model}?tab=traffic`, ready: heading(model) },
    { name: 'model-history', path: `/models/${model}?tab=history`, ready: heading(model) },
    { name: 'repositories', path: '/repositories', ready: heading('Repositories') },
    { name: 'repository', path: `/repositories/${repos[0]?.id}`, ready: heading('How pushes come in') },
    { name: 'repository-add', path: '/repositories?add=', ready: heading('Add a repository') },
    { name: 'settings', path: '/settings', ready: heading('Settings') },
    { name: 'missing', path: '/settings/nothing', ready: heading(/./) },
  ]
}
