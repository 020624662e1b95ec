import type { Approval, AttentionPipeline, Overview, PipelineDetail, PipelineStatus, Repo } from '../api/types'
import type { MockModel } from './models'

const DAYS = 14
const DAY = 86_400_000
/** How many of each kind the overview names. */
const FIRST = 10

/** The newest result of each notebook on each branch, unless a newer pipeline is under way; `pipelines` are newest first. */
function newestResults(pipelines: readonly PipelineDetail[]): PipelineDetail[] {
  const newest = new Map<string, PipelineDetail>()
  for (const pipeline of pipelines) {
    if (pipeline.status === 'cancelled' || pipeline.status === 'skipped') continue
    const key = JSON.stringify([pipeline.repo, pipeline.branch, pipeline.notebook_path])
    if (!newest.has(key)) newest.set(key, pipeline)
  }
  return [...newest.values()]
}

/** The pipelines that need a person: those that failed before those whose version is deployed nowhere. */
export function needPerson(pipelines: readonly PipelineDetail[], models: ReadonlyMap<string, MockModel>, now: number): PipelineDetail[] {
  const results = newestResults(pipelines.filter((one) => now - Date.parse(one.created_at) <= DAYS * DAY))
  const held = results.filter((one) => {
    const model = models.get(one.model_name ?? '')?.detail
    const serves = model && Object.values(model.environments).includes(one.registry_version ?? 0)
    return one.status === 'succeeded' && !one.deployed && model?.latest_version === one.registry_version && !serves
  })
  return [...results.filter((one) => one.status === 'failed'), ...held]
}

export function reposNeedPerson(repos: readonly Repo[]): Repo[] {
  return repos.filter((repo) => repo.last_delivery_at === null && (repo.webhook.state === 'manual' || repo.webhook.state === 'unknown'))
}

function named(one: PipelineDetail): AttentionPipeline {
  const failed = one.phases.find((phase) => phase.status === 'failed')
  return {
    reason: one.status === 'failed' ? 'failed' : 'not_deployed',
    id: one.id,
    repo: one.repo,
    branch: one.branch,
    notebook_path: one.notebook_path,
    model_name: one.model_name,
    registry_version: one.registry_version,
    phase: failed?.name ?? null,
    detail: one.reason ?? failed?.error ?? null,
    finished_at: one.finished_at,
  }
}

function countsOf(pipelines: readonly PipelineDetail[]): Record<PipelineStatus, number> {
  const counts: Record<PipelineStatus, number> = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, skipped: 0 }
  for (const { status } of pipelines) counts[status] += 1
  return counts
}

/** What the backend counts. */
export function makeOverview(pipelines: readonly PipelineDetail[], models: ReadonlyMap<string, MockModel>, repos: readonly Repo[], now: number, approvals: readonly Approval[] = []): Overview {
  const need = needPerson(pipelines, models, now)
  const failed = need.filter((one) => one.status === 'failed').length
  const waiting = reposNeedPerson(repos)
  const deployed: Overview['models']['deployed'] = {}
  for (const { detail } of models.values()) {
    for (const environment of Object.keys(detail.environments) as (keyof typeof deployed)[]) deployed[environment] = (deployed[environment] ?? 0) + 1
  }
  return {
    days: DAYS,
    pipelines: { all: countsOf(pipelines), lately: countsOf(pipelines.filter((one) => now - Date.parse(one.created_at) <= DAYS * DAY)) },
    models: { models: models.size, versions: [...models.values()].reduce((sum, model) => sum + model.versions.length, 0), deployed },
    repos: repos.length,
    attention: {
      total: need.length + waiting.length,
      failed,
      not_deployed: need.length - failed,
      without_webhook: waiting.length,
      pipelines: need.slice(0, FIRST).map(named),
      repos: waiting.slice(0, FIRST).map(({ id, full_name, webhook }) => ({ id, full_name, detail: webhook.detail })),
      approvals: approvals.filter((one) => one.state === 'waiting').slice(0, FIRST),
    },
  }
}
