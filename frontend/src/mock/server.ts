import type { AllowedData, Environment, NewPipeline, NewRepo, PipelineDetail, Promotion, Readiness, Repo, RepoChange, Rollback, RunSecret, TrafficChange } from '../api/types'
import { accessRoutes, MockAccess } from './access'
import { makeBatches } from './batch'
import { batchRoutes } from './batchRoutes'
import { PROJECTS } from './catalogue'
import { allow } from './data'
import { promote, rollback } from './deployments'
import { json, matches, page, problem } from './http'
import { MockLog } from './log'
import { type MockModel, makeModels } from './models'
import { makeNotebook } from './notebook'
import { makeOverview, needPerson, reposNeedPerson } from './overview'
import { makePipeline, makePipelines } from './pipelines'
import { makeRegistry, registryRoutes } from './registry'
import { checkRepo, makeRepos, webhook } from './repos'
import { scheduleRoutes } from './scheduleRoutes'
import { type MockSchedule, makeSchedules } from './schedules'
import { makeSettings, makeStatistics, PARAMETERS } from './system'
import { makeTables, tableRoutes } from './tables'
import { changeTraffic, makeTraffic, promoteCandidate, withdrawCandidate } from './traffic'

export interface Call {
  request: Request
  query: URLSearchParams
  /** The parts of the path that the route leaves open. */
  parts: string[]
  body: unknown
}

export type Handler = (call: Call) => Response | Promise<Response>

/** The whole API in memory. Each instance starts with the same data. */
export class MockServer {
  readonly started = Date.now()
  pipelines: PipelineDetail[] = makePipelines(this.started)
  models: Map<string, MockModel> = makeModels(this.pipelines)
  repos: Repo[] = makeRepos(this.started)
  readonly tables = makeTables(this.started)
  readonly buckets = makeRegistry(this.models, this.tables, this.started)
  batches = makeBatches(this.started)
  private scheduled: MockSchedule[] | null = null
  /** By repository. */
  readonly secrets = new Map<number, RunSecret[]>()
  /** What notebooks may reach, by repository. */
  readonly data = new Map<number, AllowedData[]>()
  readonly access = new MockAccess(this.started)
  readiness: Readiness = { status: 'ready', dependencies: { store: 'ok', queue: 'ok', mlflow: 'ok', model_server: 'ok' } }
  /** Answers instead of the routes where it gives something: for tests of failures. */
  intercept: (request: Request) => Response | undefined | Promise<Response> = () => undefined
  private readonly longest = this.pipelines.find((pipeline) => pipeline.status === 'succeeded')?.id

  handle = async (request: Request): Promise<Response> => {
    const special = await this.intercept(request)
    if (special) return special
    const url = new URL(request.url)
    for (const [route, handler] of [
      ...this.routes,
      ...accessRoutes(this.access),
      ...tableRoutes(this.tables),
      ...registryRoutes(this.buckets, this.tables),
      ...batchRoutes(this),
      ...scheduleRoutes(this),
    ]) {
      const [method, pattern] = route.split(' ')
      const match = method === request.method && new RegExp(`^${pattern?.replaceAll('*', '([^/]+)')}$`).exec(url.pathname)
      if (!match) continue
      const text = request.method === 'GET' ? '' : await request.text()
      const body: unknown = text === '' ? null : JSON.parse(text)
      return handler({ request, query: url.searchParams, parts: match.slice(1).map(decodeURIComponent), body })
    }
    return problem(404, 'not_found', `There is nothing at ${url.pathname}.`)
  }

  /** Made when they are first asked for: some have a long past. */
  get schedules(): MockSchedule[] {
    this.scheduled ??= makeSchedules(this, this.started)
    return this.scheduled
  }

  log(pipeline: PipelineDetail): MockLog {
    return new MockLog(pipeline, pipeline.id === this.longest)
  }

  find(id: string | undefined): PipelineDetail | undefined {
    return this.pipelines.find((pipeline) => pipeline.id === id)
  }

  private onPipeline(run: (pipeline: PipelineDetail, call: Call) => Response): Handler {
    return (call) => {
      const pipeline = this.find(call.parts[0])
      return pipeline ? run(pipeline, call) : problem(404, 'not_found', `There is no pipeline ${call.parts[0]}.`)
    }
  }

  private onModel(run: (model: MockModel, call: Call) => Response): Handler {
    return (call) => {
      const model = this.models.get(call.parts[0] ?? '')
      return model ? run(model, call) : problem(404, 'not_found', `There is no model ${call.parts[0]}.`)
    }
  }

  private onRepo(run: (repo: Repo, call: Call) => Response): Handler {
    return (call) => {
      const repo = this.repos.find((one) => String(one.id) === call.parts[0])
      return repo ? run(repo, call) : problem(404, 'not_found', `There is no repository ${call.parts[0]}.`)
    }
  }

  private readonly routes: readonly [string, Handler][] = [
    ['GET /api/overview', () => json(makeOverview(this.pipelines, this.models, this.repos, Date.now(), this.access.approvals))],
    [
      'GET /api/pipelines',
      ({ query }) => {
        const wanted = (key: 'repo' | 'status' | 'branch' | 'model', value: string | null) => !query.get(key) || query.get(key) === value
        const all = query.get('attention') === 'true' ? needPerson(this.pipelines, this.models, Date.now()) : this.pipelines
        const found = all.filter(
          (one) =>
            wanted('repo', one.repo) &&
            wanted('status', one.status) &&
            wanted('branch', one.branch) &&
            wanted('model', one.model_name) &&
            matches(query, [one.repo, one.branch, one.notebook_path, one.model_name], one.commit_sha),
        )
        return json(page(found, query))
      },
    ],
    ['POST /api/pipelines', ({ body }) => this.create(body as NewPipeline)],
    ['GET /api/pipelines/*', this.onPipeline((pipeline) => json({ ...pipeline, log_lines: this.log(pipeline).length(Date.now()) }))],
    [
      'POST /api/pipelines/*/cancel',
      this.onPipeline((pipeline) => {
        if (pipeline.status !== 'queued' && pipeline.status !== 'running') return problem(409, 'already_ended', 'The pipeline has ended already.')
        const finished_at = new Date().toISOString()
        const phases = pipeline.phases.map((phase) => (phase.status === 'running' ? { ...phase, status: 'failed' as const, finished_at } : phase))
        Object.assign(pipeline, { status: 'cancelled', reason: 'A person cancelled it.', finished_at, phases })
        return json(pipeline, 202)
      }),
    ],
    [
      'POST /api/pipelines/*/retry',
      this.onPipeline((pipeline) => {
        const phases = pipeline.phases.map((phase) => (phase.status === 'failed' ? { ...phase, status: 'running' as const, attempt: phase.attempt + 1, error: null, finished_at: null } : phase))
        Object.assign(pipeline, { status: 'running', reason: null, finished_at: null, phases })
        return json(pipeline, 202)
      }),
    ],
    [
      'GET /api/pipelines/*/logs',
      this.onPipeline((pipeline, { query }) => {
        const after = Number(query.get('after') ?? 0)
        const limit = Math.min(10_000, Number(query.get('limit') ?? 1_000))
        const log = this.log(pipeline)
        const items = log.lines(after, limit, Date.now())
        const last = items.at(-1)?.seq ?? after
        return json({ items, next: last < log.length(Date.now()) ? String(last) : null })
      }),
    ],
    [
      'GET /api/pipelines/*/notebook',
      this.onPipeline((pipeline, { request, query }) => {
        const notebook = makeNotebook(pipeline, query.get('abridged') === 'true')
        if (!notebook) return problem(404, 'not_found', 'There is no notebook yet.')
        const etag = `"${pipeline.id}-${pipeline.status}"`
        return request.headers.get('if-none-match') === etag ? json(null, 304, { etag }) : json(notebook, 200, { etag })
      }),
    ],
    [
      'GET /api/pipelines/*/notebook/cells/*',
      this.onPipeline((pipeline, { parts }) => {
        const cell = makeNotebook(pipeline)?.cells.find((one) => one.id === parts[1])
        return cell ? json(cell) : problem(404, 'not_found', 'the notebook has no such cell')
      }),
    ],
    ['GET /api/pipelines/*/parameters', this.onPipeline(() => json({ items: PARAMETERS, next: null }))],
    [
      'GET /api/models',
      ({ query }) => {
        const environment = query.get('environment') as Environment | null
        const found = [...this.models.values()]
          .map((model) => model.detail)
          .filter((model) => matches(query, [model.name]) && (!environment || model.environments[environment] !== undefined))
          .sort((one, other) => (query.get('sort') === 'updated' ? other.updated_at.localeCompare(one.updated_at) : 0) || one.name.localeCompare(other.name))
        return json(page(found, query))
      },
    ],
    ['GET /api/models/*', this.onModel((model) => json(model.detail))],
    ['GET /api/models/*/versions', this.onModel((model, { query }) => json(page(model.versions, query)))],
    [
      'GET /api/models/*/versions/*',
      this.onModel((model, { parts }) => {
        const version = model.versions.find((one) => String(one.version) === parts[1])
        return version ? json(version) : problem(404, 'not_found', `There is no version ${parts[1]}.`)
      }),
    ],
    ['GET /api/models/*/history', this.onModel((model, { query }) => json(page(model.history, query)))],
    ['GET /api/models/*/traffic', this.onModel((model) => json(makeTraffic(model, this.started, Date.now())))],
    ['PUT /api/models/*/traffic', this.onModel((model, { body }) => changeTraffic(model, body as TrafficChange, this.access.me?.name ?? '', Date.now()))],
    ['POST /api/models/*/traffic/promote', this.onModel((model, { body }) => promoteCandidate(model, body as { environment: Environment; confirm?: string }, this.access.me?.name ?? '', Date.now()))],
    ['POST /api/models/*/traffic/withdraw', this.onModel((model, { body }) => withdrawCandidate(model, (body as { environment: Environment }).environment))],
    ['POST /api/models/*/promote', this.onModel((model, { body }) => promote(model, body as Promotion, Date.now()))],
    ['POST /api/models/*/rollback', this.onModel((model, { body }) => rollback(model, body as Rollback, Date.now()))],
    [
      'POST /api/models/*/predict',
      this.onModel((model, { query }) => {
        const project = PROJECTS.find((one) => one.model === model.detail.name)
        const version = Number(query.get('version') ?? model.detail.environments[(query.get('env') ?? 'prod') as Environment] ?? model.detail.latest_version)
        const classes = project?.classes
        return json({
          model_name: model.detail.name,
          model_version: version,
          predictions: project?.expected ?? [],
          ...(classes ? { probabilities: [classes.map((_, index) => (index === 0 ? 0.12 : 0.88 / (classes.length - 1)))], classes } : {}),
        })
      }),
    ],
    [
      'GET /api/repos',
      ({ query }) => {
        const all = query.get('attention') === 'true' ? reposNeedPerson(this.repos) : this.repos
        return json(
          page(
            all.filter((repo) => matches(query, [repo.full_name])),
            query,
          ),
        )
      },
    ],
    ['POST /api/repos', ({ body }) => this.register(body as NewRepo)],
    [
      'POST /api/repos/check',
      ({ body }) => {
        const wanted = body as NewRepo
        return json(
          checkRepo(
            wanted.full_name,
            wanted.branch ?? '*',
            this.repos.find((one) => one.full_name === wanted.full_name),
          ),
        )
      },
    ],
    ['GET /api/repos/*', this.onRepo((repo) => json(repo))],
    ['PATCH /api/repos/*', this.onRepo((repo, { body }) => json(Object.assign(repo, body as RepoChange)))],
    [
      'DELETE /api/repos/*',
      this.onRepo((repo) => {
        this.repos = this.repos.filter((one) => one !== repo)
        return json(null, 204)
      }),
    ],
    ['GET /api/repos/*/secrets', this.onRepo((repo) => json({ items: this.secrets.get(repo.id) ?? [] }))],
    [
      'PUT /api/repos/*/secrets/*',
      this.onRepo((repo, { parts: [, name = ''] }) => {
        const others = this.secrets.get(repo.id)?.filter((one) => one.name !== name) ?? []
        this.secrets.set(repo.id, [...others, { name, set_by: 'ann', set_at: new Date().toISOString() }])
        return json(null, 204)
      }),
    ],
    [
      'DELETE /api/repos/*/secrets/*',
      this.onRepo((repo, { parts: [, name] }) => {
        this.secrets.set(repo.id, this.secrets.get(repo.id)?.filter((one) => one.name !== name) ?? [])
        return json(null, 204)
      }),
    ],
    ['GET /api/repos/*/data', this.onRepo((repo) => json({ items: this.data.get(repo.id) ?? [] }))],
    ['PUT /api/repos/*/data/*', this.onRepo((repo, call) => allow(this.data, repo.id, call))],
    [
      'DELETE /api/repos/*/data/*',
      this.onRepo((repo, { parts: [, place] }) => {
        const all = this.data.get(repo.id) ?? []
        this.data.set(
          repo.id,
          all.filter((one) => one.place !== place),
        )
        return all.some((one) => one.place === place) ? json(null, 204) : problem(404, 'not_found', 'nothing is stored under this name')
      }),
    ],
    ['POST /api/repos/*/webhook-secret', this.onRepo((repo) => json({ ...repo, webhook_secret: 'a new secret of the mock, shown once' }))],
    ['POST /api/repos/*/webhook', this.onRepo((repo) => json(Object.assign(repo, { webhook: webhook('installed') })))],
    ['GET /api/statistics', ({ query }) => json(makeStatistics(this.pipelines, Number(query.get('days') ?? 14), Date.now()))],
    ['GET /api/settings', () => json(makeSettings(this.started))],
    ['GET /ready', () => json(this.readiness, this.readiness.status === 'ready' ? 200 : 503)],
  ]

  private create(body: NewPipeline): Response {
    const project = PROJECTS.find((one) => one.repo === body.repo && one.notebook === body.notebook_path)
    if (!project) return problem(404, 'not_found', `There is no repository ${body.repo}.`)
    const made = makePipeline('queued', project, Date.now(), this.pipelines.length + 100, 1)
    Object.assign(made, { commit_sha: body.ref, branch: body.branch ?? 'main', parameters: body.parameters ?? {}, manual: true, delivery_id: null })
    this.pipelines.unshift(made)
    return json(made, 202)
  }

  private register(body: NewRepo): Response {
    if (this.repos.some((repo) => repo.full_name === body.full_name)) {
      return problem(409, 'already_registered', `${body.full_name} is registered already.`)
    }
    const id = Math.max(0, ...this.repos.map((repo) => repo.id)) + 1
    const state = body.full_name.startsWith('local/') ? 'local' : 'manual'
    const made: Repo = {
      id,
      full_name: body.full_name,
      branch: body.branch ?? '*',
      notebook_glob: body.notebook_glob ?? '**/*.ipynb',
      cpu: null,
      memory: null,
      created_at: new Date().toISOString(),
      last_delivery_at: null,
      webhook: webhook(state),
    }
    this.repos.push(made)
    return json(made, 201)
  }
}
