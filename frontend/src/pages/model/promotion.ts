import type { ApiProblem, Environment, ModelDetail } from '../../api'

/** What is typed to change production; the server asks for the same word. */
export const WORD = 'production'

const after: Partial<Record<Environment, Environment>> = { dev: 'staging', staging: 'prod' }

export type Change = { kind: 'promote'; from: Environment; to: Environment; version: number; previous: number | null } | { kind: 'rollback'; to: Environment; version: number; previous: number }

/** The promotion from an environment; or why there is none, for the button's tooltip; or null after the last one. */
export function promotionFrom(model: ModelDetail, from: Environment): Change | string | null {
  const to = after[from]
  if (!to) return null
  const version = model.environments[from]
  if (version === undefined) return `Nothing serves in ${from}.`
  const previous = model.environments[to] ?? null
  if (previous === version) return `Version ${version} serves in ${to} already.`
  return { kind: 'promote', from, to, version, previous }
}

/** The roll back of an environment; or why there is none. */
export function rollbackOf(model: ModelDetail, environment: Environment): Change | string {
  const deployment = model.deployments.find((one) => one.environment === environment)
  if (!deployment) return `Nothing serves in ${environment}.`
  if (deployment.rollback_to === null) return `No other version served in ${environment} before.`
  return { kind: 'rollback', to: environment, version: deployment.rollback_to, previous: deployment.version }
}

export function needsWord(change: Change): boolean {
  return change.to === 'prod'
}

/** Whether what was typed is the word. */
export function isWord(typed: string): boolean {
  return typed.trim() === WORD
}

/** Whether the change may be asked for. */
export function isConfirmed(change: Change, typed: string): boolean {
  return !needsWord(change) || isWord(typed)
}

/** A dialog shows a change that somebody else may have made impossible meanwhile. */
export function isStale(change: Change, model: ModelDetail): boolean {
  const present = model.environments[change.to] ?? null
  if (present !== change.previous) return true
  if (change.kind === 'promote') return model.environments[change.from] !== change.version
  return model.deployments.find((one) => one.environment === change.to)?.rollback_to !== change.version
}

export interface MetricRow {
  name: string
  now: number | null
  then: number | null
  difference: number | null
}

type Metrics = Record<string, number | null>

/** Metrics of the version in service and of the one to come, side by side; in the order of the one to come. */
export function metricRows(now: Metrics | undefined, then: Metrics | undefined): MetricRow[] {
  const names = [...new Set([...Object.keys(then ?? {}), ...Object.keys(now ?? {})])]
  return names.map((name) => {
    const before = now?.[name] ?? null
    const following = then?.[name] ?? null
    return { name, now: before, then: following, difference: before === null || following === null ? null : following - before }
  })
}

const advice: Record<string, { title: string; todo: string }> = {
  approval_waits: { title: 'Another promotion waits', todo: 'Decide about it, or take it back, then ask again.' },
  approval_stale: { title: 'What is deployed has changed since it was asked for', todo: 'Look at the environments, then ask again.' },
  approval_expired: { title: 'Nobody decided in time', todo: 'Ask for it again.' },
  approval_decided: { title: 'It is decided already', todo: 'Look at the environments.' },
  second_person_required: { title: 'Somebody else has to approve it', todo: 'You asked for it yourself, be it with a key of yours.' },
  confirmation_required: { title: 'Production needs the word', todo: `Type “${WORD}”, then try again.` },
  not_deployed: { title: 'The version does not serve where it has to', todo: 'Look at the environments: somebody may have changed them meanwhile. Then decide again.' },
  nothing_deployed: { title: 'Nothing serves there', todo: 'Promote a version first; another can be tried beside it then.' },
  another_candidate: { title: 'Another version is tried there', todo: 'Promote or withdraw it, then try again.' },
  no_candidate: { title: 'The version is tried there no more', todo: 'Somebody, or its rules, ended it meanwhile. Close this and look at what answers now.' },
  deployment_in_progress: { title: 'Another deployment is under way', todo: 'Wait until it ends, a minute at most, then try again.' },
  model_refused: { title: 'The model-server refused the model', todo: 'It did not load or failed the self-test. The previous version goes on serving. Push a corrected notebook.' },
  digest_mismatch: { title: 'The model’s files are not what was registered', todo: 'Their bytes have changed or are damaged. Do not use this version: run its notebook again to make a new one.' },
  nothing_to_roll_back_to: { title: 'There is no earlier version', todo: 'Promote another version, or push a new one.' },
  model_server_unavailable: { title: 'No model-server answers', todo: 'Start one and look at the settings page until it answers, then try again.' },
  already_deployed: { title: 'The version serves there already', todo: 'There is nothing left to do. Close this.' },
  artifact_missing: { title: 'The model’s files are gone', todo: 'They are not where they were put. Run the version’s notebook again to make a new one.' },
  mlflow_unavailable: { title: 'MLflow does not answer', todo: 'The previous version goes on serving. Look at the settings page until MLflow answers, then try again.' },
  change_unsettled: { title: 'The change was cut off', todo: 'It is made or taken back as a whole within a minute. Look at the environments then.' },
  unreachable: { title: 'The answer did not arrive', todo: 'The change may still be made. Look at the environments before you try again.' },
}

/** A failed change in words: what it is and what to do. Codes that are not known keep the server's words. */
export function adviceForChange(problem: ApiProblem): { title: string; todo: string } {
  return advice[problem.code] ?? { title: problem.title, todo: 'Nothing was changed. Look at the environments, then try again.' }
}
