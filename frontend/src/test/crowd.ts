import { PROJECTS } from '../mock/catalogue'
import type { MockModel } from '../mock/models'
import { makePipeline } from '../mock/pipelines'
import { MockServer } from '../mock/server'

const MINUTE = 60_000

/** Which of the pipelines are failures that no newer result has put right; the second is on no first page. */
export const FAILURES = [77, 4_321] as const

/** An API with 10,000 pipelines, one a minute, each of a notebook of its own, and 2,000 models. */
export function crowdedServer(): MockServer {
  const server = new MockServer()
  const [project] = PROJECTS
  const template = [...server.models.values()][0]
  if (!project || !template) throw new Error('the catalogue is empty')
  const example = { succeeded: makePipeline('succeeded', project, 0, 1, 1), failed: makePipeline('failed', project, 0, 2, 1) }
  server.pipelines = Array.from({ length: 10_000 }, (_, index) => {
    const failed = FAILURES.some((one) => one === index)
    const at = new Date(server.started - index * MINUTE).toISOString()
    return {
      ...example[failed ? 'failed' : 'succeeded'],
      id: `00000000-0000-7000-8000-${String(10_000 - index).padStart(12, '0')}`,
      repo: `acme/project-${index % 40}`,
      notebook_path: `notebooks/model-${index}.ipynb`,
      created_at: at,
      finished_at: at,
    }
  })
  server.models = new Map(
    Array.from({ length: 2_000 }, (_, index): [string, MockModel] => {
      const name = `model-${String(index).padStart(4, '0')}`
      return [name, { ...template, detail: { ...template.detail, name } }]
    }),
  )
  server.repos = []
  return server
}
