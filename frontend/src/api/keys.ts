import type { BatchStatus, Environment, NewRepo, ScheduleKind } from './types'

/** The filters that the list of pipelines takes. */
export interface PipelineFilter {
  status?: string | undefined
  repo?: string | undefined
  branch?: string | undefined
  model?: string | undefined
  search?: string | undefined
  /** Only those that need a person. */
  attention?: boolean | undefined
}

/** What the list of models takes. */
export interface ModelFilter {
  search?: string | undefined
  environment?: Environment | undefined
  sort?: 'name' | 'updated' | undefined
}

/** What the list of repositories takes. */
export interface RepoFilter {
  search?: string | undefined
  /** Only those whose webhook needs a person. */
  attention?: boolean | undefined
}

/** The filters that the list of batch predictions takes. */
export interface BatchFilter {
  status?: BatchStatus | undefined
  model?: string | undefined
}

/** The filters that the list of schedules takes. */
export interface ScheduleFilter {
  kind?: ScheduleKind | undefined
  model?: string | undefined
}

/** What the audit log takes. */
export interface AuditFilter {
  actor?: string | undefined
  action?: string | undefined
  object?: string | undefined
}

/** Every query key, so that what a mutation invalidates can be seen in one place. */
export const keys = {
  overview: () => ['overview'] as const,
  pipelines: () => ['pipelines'] as const,
  pipelineList: (filter: PipelineFilter, limit: number) => ['pipelines', 'list', filter, limit] as const,
  pipeline: (id: string) => ['pipelines', 'one', id] as const,
  notebook: (id: string) => ['pipelines', 'notebook', id] as const,
  cell: (id: string, cellId: string) => ['pipelines', 'notebook', id, cellId] as const,
  parameters: (id: string) => ['pipelines', 'parameters', id] as const,
  models: () => ['models'] as const,
  modelList: (filter: ModelFilter, limit: number) => ['models', 'list', filter, limit] as const,
  model: (name: string) => ['models', 'one', name] as const,
  versions: (name: string) => ['models', 'versions', name] as const,
  version: (name: string, version: number) => ['models', 'version', name, version] as const,
  history: (name: string) => ['models', 'history', name] as const,
  traffic: (name: string) => ['models', 'traffic', name] as const,
  approvals: (model?: string) => (model === undefined ? (['models', 'approvals'] as const) : (['models', 'approvals', model] as const)),
  repos: () => ['repos'] as const,
  repoList: (filter: RepoFilter, limit: number) => ['repos', 'list', filter, limit] as const,
  repo: (id: number) => ['repos', 'one', id] as const,
  secrets: (id: number) => ['repos', 'secrets', id] as const,
  data: (id: number) => ['repos', 'data', id] as const,
  repoCheck: (repo: NewRepo | null) => ['repos', 'check', repo] as const,
  tables: () => ['tables'] as const,
  tableList: (limit: number) => ['tables', 'list', limit] as const,
  table: (name: string, version: number | null) => ['tables', 'one', name, version] as const,
  tableSample: (name: string, version: number, rows: number) => ['tables', 'sample', name, version, rows] as const,
  batches: () => ['batches'] as const,
  batchList: (filter: BatchFilter, limit: number) => ['batches', 'list', filter, limit] as const,
  batch: (id: string) => ['batches', 'one', id] as const,
  schedules: () => ['schedules'] as const,
  scheduleLists: () => ['schedules', 'list'] as const,
  scheduleList: (filter: ScheduleFilter, limit: number) => ['schedules', 'list', filter, limit] as const,
  schedule: (id: string) => ['schedules', 'one', id] as const,
  firings: (id: string, limit: number) => ['schedules', 'firings', id, limit] as const,
  nextFirings: (cron: string, zone: string, count: number) => ['schedule-pattern', cron, zone, count] as const,
  statistics: (days: number) => ['statistics', days] as const,
  settings: () => ['settings'] as const,
  me: () => ['me'] as const,
  signInWays: () => ['sign-in'] as const,
  apiKeys: () => ['api-keys'] as const,
  people: () => ['people'] as const,
  audit: (filter: AuditFilter) => ['audit', filter] as const,
  readiness: () => ['readiness'] as const,
}
