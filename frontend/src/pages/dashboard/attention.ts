import { isActive, type ModelSummary, type PipelineRecord, type Readiness, type Repo } from '../../api'

export interface Attention {
  key: string
  tone: 'danger' | 'warning'
  title: string
  /** What happened, in the backend's words. */
  detail: string
  /** What a person can do. */
  todo: string
  link: { to: string; label: string }
  at: string | null
}

/** Older results are history, and no longer a task. */
const DAYS = 14
const DAY = 86_400_000

const names: Record<string, string> = {
  store: 'The database',
  queue: 'The queue',
  mlflow: 'MLflow',
  model_server: 'The model-server',
}

const advice: Record<string, string> = {
  store: 'Start the database, and check DATABASE_URL. Nothing is recorded until it answers.',
  queue: 'Start Redis, and check REDIS_URL. Pipelines wait until it answers.',
  mlflow: 'Start the MLflow server, and check MLFLOW_TRACKING_URI. Runs cannot be tracked until it answers.',
  model_server: 'Start a model-server, and check that it reaches BACKEND_URL. Predictions fail until one answers.',
}

/** The name of a dependency in a sentence. */
export function dependencyName(name: string): string {
  return names[name] ?? name
}

export function dependencyAdvice(name: string): string {
  return advice[name] ?? 'Start it, and check its address in the settings. mlsys tries again by itself.'
}

function dependencies(readiness: Readiness | undefined): Attention[] {
  return Object.entries(readiness?.dependencies ?? {})
    .filter(([, state]) => state !== 'ok')
    .map(([name, state]) => ({
      key: `dependency ${name}`,
      tone: 'danger',
      title: `${dependencyName(name)} is away`,
      detail: state,
      todo: dependencyAdvice(name),
      link: { to: '/settings', label: 'See the dependencies' },
      at: null,
    }))
}

/**
 * The newest result of each notebook on each branch; `pipelines` are newest first. A cancelled or skipped pipeline says
 * nothing about its notebook, so that the one before it counts. While a newer one is under way, there is nothing to do yet.
 */
export function newestResults(pipelines: readonly PipelineRecord[]): PipelineRecord[] {
  const newest = new Map<string, PipelineRecord>()
  for (const pipeline of pipelines) {
    if (pipeline.status === 'cancelled' || pipeline.status === 'skipped') continue
    const key = JSON.stringify([pipeline.repo, pipeline.notebook_path, pipeline.branch])
    if (!newest.has(key)) newest.set(key, pipeline)
  }
  return [...newest.values()].filter((pipeline) => !isActive(pipeline.status))
}

function results(pipelines: readonly PipelineRecord[], models: readonly ModelSummary[], now: number): Attention[] {
  const serves = (pipeline: PipelineRecord) =>
    models.some((model) => model.name === pipeline.model_name && Object.values(model.environments).includes(pipeline.registry_version ?? -1))
  return newestResults(pipelines.filter((pipeline) => now - Date.parse(pipeline.created_at) <= DAYS * DAY)).flatMap((pipeline): Attention[] => {
    const common = { key: pipeline.id, link: { to: `/pipelines/${pipeline.id}`, label: 'Open the pipeline' }, at: pipeline.finished_at }
    const place = `${pipeline.notebook_path} on ${pipeline.branch}`
    if (pipeline.status === 'failed') {
      const phase = pipeline.phases.find((one) => one.status === 'failed')
      const detail = pipeline.reason ?? phase?.error ?? 'No reason is recorded.'
      const todo =
        phase?.name === 'validate'
          ? 'Mend the cells that it names, then push again.'
          : phase?.name === 'execute'
            ? 'Read its log, mend the notebook and push again; or retry, if the cause lay outside.'
            : 'Read its log, then retry: it goes on from the failed phase.'
      return [{ ...common, tone: 'danger', title: `${place} fails${phase ? ` in ${phase.name}` : ''}`, detail, todo }]
    }
    if (pipeline.status === 'succeeded' && !pipeline.deployed && !serves(pipeline)) {
      const version = pipeline.registry_version === null ? 'Its model' : `Version ${pipeline.registry_version} of ${pipeline.model_name}`
      const detail = pipeline.reason ?? 'No reason is recorded.'
      return [{ ...common, tone: 'warning', title: `${version} is not deployed`, detail, todo: 'Compare its metrics with its gates, then improve the model or change GATES, and push again.' }]
    }
    return []
  })
}

function webhooks(repos: readonly Repo[]): Attention[] {
  // A delivery proves that somebody added the webhook, even where the token may not look for it.
  return repos
    .filter((repo) => repo.webhook.state === 'manual' && repo.last_delivery_at === null)
    .map((repo) => ({
      key: `repo ${repo.id}`,
      tone: 'warning',
      title: `${repo.full_name} has no webhook yet`,
      detail: repo.webhook.detail,
      todo: 'Add the webhook on GitHub; its page here has the values to paste. Until then pushes start nothing.',
      link: { to: `/repositories/${repo.id}`, label: 'See what to paste' },
      at: null,
    }))
}

export interface AttentionSources {
  pipelines: readonly PipelineRecord[]
  models: readonly ModelSummary[]
  repos: readonly Repo[]
  readiness: Readiness | undefined
}

/** What needs a person: the installation first, then failures, then what waits. */
export function attention({ pipelines, models, repos, readiness }: AttentionSources, now: number): Attention[] {
  const found = results(pipelines, models, now)
  return [
    ...dependencies(readiness),
    ...found.filter((one) => one.tone === 'danger'),
    ...webhooks(repos),
    ...found.filter((one) => one.tone === 'warning'),
  ]
}
