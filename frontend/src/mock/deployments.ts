import type { DeploymentChange, DeploymentEvent, Environment, Promotion, Rollback } from '../api/types'
import { json, problem } from './http'
import { type MockModel, settle } from './models'

export function deploy(model: MockModel, environment: Environment, version: number, cause: DeploymentEvent['cause'], now: number): Response {
  const at = new Date(now).toISOString()
  const previous = model.history.find((event) => event.environment === environment && event.ended_at === null)
  if (previous) previous.ended_at = at
  const generation = (model.history[0]?.generation ?? 0) + 1
  model.history.unshift({ generation, environment, version, deployed_at: at, ended_at: null, cause })
  settle(model)
  delete model.candidates[environment]
  const change: DeploymentChange = {
    model_name: model.detail.name,
    environment,
    version,
    previous_version: previous?.version ?? null,
    generation,
    detail: `Version ${version} serves in ${environment}.`,
  }
  return json(change)
}

export function promote(model: MockModel, body: Promotion, now: number): Response {
  if (body.to === 'prod' && body.confirm !== 'production') {
    return problem(400, 'confirmation_required', 'To change production, confirm with the word "production".')
  }
  if (model.detail.environments[body.from] !== body.version) {
    return problem(409, 'not_deployed', `Version ${body.version} is not deployed to ${body.from}.`)
  }
  return deploy(model, body.to, body.version, 'promotion', now)
}

export function rollback(model: MockModel, body: Rollback, now: number): Response {
  if (body.environment === 'prod' && body.confirm !== 'production') {
    return problem(400, 'confirmation_required', 'To change production, confirm with the word "production".')
  }
  const target = model.detail.deployments.find((one) => one.environment === body.environment)?.rollback_to
  if (!target) return problem(409, 'nothing_to_roll_back_to', `No earlier version served in ${body.environment}.`)
  return deploy(model, body.environment, target, 'rollback', now)
}
