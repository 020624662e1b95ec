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

/** The model that every mlsys here has. */
const MODEL = 'iris-species'

interface Named {
  items: { id: string; status: string; notebook_path: string }[]
}

/** Every page of the dashboard, with what is stored in an mlsys: it needs a success, a failure and the model. */
export async function places(stack: Stack): Promise<Place[]> {
  const pipelines = (await stack.get<Named>('/api/pipelines?limit=200')).items
  const [schedule] = (await stack.get<Named>('/api/schedules')).items
  const repos = (await stack.get<Named>('/api/repos')).items
  const one = (status: string) => {
    const ended = pipelines.filter((pipeline) => pipeline.status === status)
    // The one that has most to show.
    const found = ended.find((pipeline) => /iris|weighted/.test(pipeline.notebook_path)) ?? ended[0]
    if (!found) throw new Error(`no pipeline has ${status}`)
    return found.id
  }
  return [
    { name: 'dashboard', path: '/', ready: heading('Latest pipelines') },
    { name: 'pipelines', path: '/pipelines', ready: heading('Pipelines') },
    { name: 'pipeline-succeeded', path: `/pipelines/${one('succeeded')}`, ready: heading('Gates') },
    { name: 'pipeline-failed', path: `/pipelines/${one('failed')}`, ready: heading('Gates') },
    { name: 'models', path: '/models', ready: heading('Models') },
    { name: 'model-versions', path: `/models/${MODEL}?version=1`, ready: heading('Files') },
    { name: 'model-try', path: `/models/${MODEL}?tab=try`, ready: heading('Request') },
    { name: 'model-metrics', path: `/models/${MODEL}?tab=metrics`, ready: heading(MODEL) },
    { name: 'model-traffic', path: `/models/${MODEL}?tab=traffic`, ready: heading(MODEL) },
    { name: 'model-history', path: `/models/${MODEL}?tab=history`, ready: heading(MODEL) },
    { name: 'registry', path: '/registry', ready: heading('Registry') },
    { name: 'tables', path: '/tables', ready: heading('Tables') },
    { name: 'batch-predictions', path: '/batch-predictions', ready: heading('Batch predictions') },
    { name: 'batch-prediction-new', path: '/batch-predictions?new=', ready: heading('New batch prediction') },
    { name: 'schedules', path: '/schedules', ready: heading('Schedules') },
    { name: 'schedule-new', path: '/schedules?new=', ready: heading('New schedule') },
    ...(schedule ? [{ name: 'schedule', path: `/schedules/${schedule.id}`, ready: heading('Calendar') }] : []),
    { name: 'repositories', path: '/repositories', ready: heading('Repositories') },
    { name: 'repository', path: `/repositories/${repos[0]?.id}`, ready: heading('How pushes come in') },
    { name: 'repository-add', path: '/repositories?add=', ready: heading('Add a repository') },
    { name: 'keys', path: '/keys', ready: heading('Keys') },
    { name: 'people', path: '/people', ready: heading('People') },
    { name: 'audit', path: '/audit', ready: heading('Audit log') },
    { name: 'sign-in', path: '/sign-in', ready: (page) => page.getByLabel('Password').waitFor() },
    { name: 'settings', path: '/settings', ready: heading('Settings') },
    { name: 'missing', path: '/settings/nothing', ready: heading(/./) },
  ]
}
