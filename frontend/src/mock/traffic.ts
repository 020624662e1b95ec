import { ENVIRONMENTS, type Environment, type ModelTraffic, type TrafficCandidate, type TrafficChange, type TrafficPlace, type VersionTraffic } from '../api/types'
import { deploy } from './deployments'
import { json, problem } from './http'
import type { MockModel } from './models'

/** Upper limits of buckets in seconds, and what share of the requests took no longer. */
const BUCKETS = [
  [0.001, 0.1],
  [0.0025, 0.62],
  [0.005, 0.9],
  [0.01, 0.97],
  [0.05, 0.995],
  [null, 1],
] as const
/** What an environment is asked in a second. */
const RATE: Record<Environment, number> = { dev: 2, staging: 5, prod: 14 }
/** What was asked before the dashboard was opened, in seconds. */
const BEFORE = 120

interface Count {
  requests: number
  /** Rows that were computed unseen. */
  shadow: number
}

/** Counts that grow with time, by the shares that held in it. */
export class Counters {
  private readonly counts = new Map<number, Count>()
  private counted: number | null = null

  /** Counts on to a time. */
  countTo(now: number, started: number, places: readonly TrafficPlace[]): void {
    const seconds = (now - (this.counted ?? started - BEFORE * 1_000)) / 1_000
    this.counted = now
    for (const { environment, current, candidate } of places) {
      const asked = seconds * RATE[environment]
      this.of(current.version).requests += (asked * current.weight) / 100
      if (!candidate) continue
      this.of(candidate.version).requests += (asked * candidate.weight) / 100
      this.of(candidate.version).shadow += (asked * current.weight * candidate.shadow) / 10_000
    }
  }

  traffic(): VersionTraffic[] {
    return [...this.counts]
      .sort(([one], [other]) => one - other)
      .map(([version, { requests, shadow }]) => {
        const count = Math.floor(requests)
        const rows = Math.floor(shadow)
        return {
          version,
          requests: count,
          errors: Math.floor(count * 0.004),
          seconds_sum: count * 0.0026,
          buckets: BUCKETS.map(([le, share]) => ({ le, count: Math.floor(count * share) })),
          shadow: rows === 0 ? null : { rows, agreeing: Math.floor(rows * 0.991), errors: Math.floor(rows * 0.0005), dropped: Math.floor(rows * 0.002) },
        }
      })
  }

  private of(version: number): Count {
    const known = this.counts.get(version) ?? { requests: 0, shadow: 0 }
    this.counts.set(version, known)
    return known
  }
}

function placesOf(model: MockModel): TrafficPlace[] {
  return ENVIRONMENTS.flatMap((environment) => {
    const version = model.detail.environments[environment]
    if (version === undefined) return []
    const candidate = model.candidates[environment] ?? null
    return [{ environment, current: { version, weight: 100 - (candidate?.weight ?? 0) }, candidate }]
  })
}

export function makeTraffic(model: MockModel, started: number, now: number): ModelTraffic {
  const places = placesOf(model)
  model.counters.countTo(now, started, places)
  return { at: new Date(now).toISOString(), versions: model.counters.traffic(), places }
}

function placeAt(model: MockModel, environment: Environment): Response {
  return json(placesOf(model).find((place) => place.environment === environment))
}

export function changeTraffic(model: MockModel, body: TrafficChange, by: string, now: number): Response {
  const { environment, version, weight, shadow = 0, rules = null, confirm } = body
  const present = model.candidates[environment]?.verdict?.outcome === 'promoted' ? undefined : model.candidates[environment]
  const current = model.detail.environments[environment]
  if (current === undefined) return problem(409, 'nothing_deployed', `Nothing is deployed to ${environment}.`)
  if (present && present.version !== version) return problem(409, 'another_candidate', `Version ${present.version} is tried in ${environment}: promote or withdraw it first.`)
  if (version === current) return problem(409, 'already_deployed', `Version ${version} is deployed to ${environment} already.`)
  if (!model.versions.some((one) => one.version === version)) return problem(404, 'not_found', `There is no version ${version} of it.`)
  if (environment === 'prod' && confirm !== 'production' && (!present || weight > present.weight)) {
    return problem(400, 'confirmation_required', 'To change production, confirm with the word "production".')
  }
  const verdict: TrafficCandidate['verdict'] = rules ? { at: new Date(now).toISOString(), outcome: 'waiting', reason: `0 of ${rules.min_requests} requests so far` } : null
  model.candidates[environment] = { version, weight, shadow, since: present?.since ?? new Date(now).toISOString(), by: present?.by ?? by, rules, verdict }
  return placeAt(model, environment)
}

export function promoteCandidate(model: MockModel, { environment, confirm }: { environment: Environment; confirm?: string }, by: string, now: number): Response {
  const candidate = model.candidates[environment]
  const verdict = { at: new Date(now).toISOString(), outcome: 'promoted' as const, reason: `promoted by ${by}` }
  const former = model.detail.environments[environment]
  if (!candidate || candidate.verdict?.outcome === 'promoted' || former === undefined) return problem(409, 'no_candidate', `No version is tried in ${environment}.`)
  if (environment === 'prod' && confirm !== 'production') return problem(400, 'confirmation_required', 'To change production, confirm with the word "production".')
  deploy(model, environment, candidate.version, 'promotion', now)
  // It stays loaded, so that it can be put back at once.
  model.candidates[environment] = { version: former, weight: 0, shadow: 0, since: new Date(now).toISOString(), by: candidate.by, rules: null, verdict }
  return placeAt(model, environment)
}

export function withdrawCandidate(model: MockModel, environment: Environment): Response {
  if (!model.candidates[environment]) return problem(409, 'no_candidate', `No version is tried in ${environment}.`)
  delete model.candidates[environment]
  return placeAt(model, environment)
}
