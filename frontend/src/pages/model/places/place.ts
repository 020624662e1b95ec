import { type CanaryRules, ENVIRONMENTS, type Environment, type Me, type ModelDetail, type TrafficCandidate, type TrafficChange, type TrafficPlace } from '../../../api'
import { formatNumber, plural } from '../../../ui'

/** A place at which a version is tried. */
export type TriedPlace = TrafficPlace & { candidate: TrafficCandidate }

/** What part of the requests each version answers, from 0 to 1. */
export function sharesOf({ current, candidate }: TrafficPlace): { current: number; candidate: number } {
  const whole = current.weight + (candidate?.weight ?? 0)
  if (whole === 0) return { current: 0, candidate: 0 }
  return { current: current.weight / whole, candidate: (candidate?.weight ?? 0) / whole }
}

/** Whether somebody may share out a model's requests: an operator of everything, of the model, or of the repository it belongs to. */
export function mayShare(me: Me | undefined, model: ModelDetail): boolean {
  if (!me) return false
  const mine = me.grants.filter((grant) => grant.model === model.name || (grant.repo !== undefined && grant.repo === model.owner))
  return me.may.includes('traffic') || mine.some((grant) => grant.role === 'operator' || grant.role === 'admin')
}

/** Whether the candidate's rules have ended its trial. What is shown then only stands by, or is gone: another can take its place. */
export function isOver(candidate: TrafficCandidate): boolean {
  return candidate.verdict?.outcome === 'withdrawn' || candidate.verdict?.outcome === 'promoted'
}

/** What a candidate does, in a sentence. */
export function stateOf({ version, weight, shadow, verdict }: TrafficCandidate): string {
  if (verdict?.outcome === 'promoted') return `Version ${version} stands by for the way back: it is loaded, and a roll back takes it at once.`
  if (verdict?.outcome === 'withdrawn') return `Version ${version} was taken back: it answers nothing any more.`
  const unseen = shadow > 0 ? `${shadow} of 100 requests that others answer it computes too, unseen: its answers are only compared.` : null
  if (weight > 0) return [`Version ${version} answers ${weight} of 100 requests.`, unseen].filter(Boolean).join(' ')
  return unseen ? `Version ${version} answers no requests. ${unseen}` : `Version ${version} stands by: it is loaded, and answers only requests that name it.`
}

/** Rules as they are typed; shares in percent. */
export interface RuleTexts {
  requests: string
  errors: string
  latency: string
  /** Empty: the answers need not agree. */
  agreement: string
  minutes: string
  pass: AllRules['on_pass']
}

/** An answer names all rules; only a request may leave some out. */
type AllRules = Required<CanaryRules>

const DEFAULTS: AllRules = { min_requests: 200, max_error_rate: 0.01, max_latency_ratio: 1.5, min_agreement: 0.99, within_minutes: 60, on_pass: 'keep' }

/** Shares in percent and back, without the digits that binary fractions add. */
const percent = (share: number) => Number((share * 100).toPrecision(12))
const share = (text: string) => Number((Number(text) / 100).toPrecision(12))

/** The rules to begin with, or those that a candidate has. */
export function ruleTexts(given: CanaryRules | null): RuleTexts {
  const rules = (given ?? DEFAULTS) as AllRules
  return {
    requests: String(rules.min_requests),
    errors: String(percent(rules.max_error_rate)),
    latency: String(rules.max_latency_ratio),
    agreement: rules.min_agreement === null ? '' : String(percent(rules.min_agreement)),
    minutes: String(rules.within_minutes),
    pass: rules.on_pass,
  }
}

/** Rules in a sentence. */
export function ruleWords(given: CanaryRules): string {
  const rules = given as AllRules
  const points = percent(rules.max_error_rate)
  const limits = [
    `its share of errors is more than ${formatNumber(points)} ${points === 1 ? 'point' : 'points'} above the current version’s`,
    `it takes more than ${formatNumber(rules.max_latency_ratio)} times as long`,
    ...(rules.min_agreement === null ? [] : [`less than ${formatNumber(percent(rules.min_agreement))} % of its shadow answers agree`]),
  ]
  const pass = rules.on_pass === 'promote' ? 'it is promoted' : 'it stays until somebody decides'
  const patience = `If there are too few within ${plural(rules.within_minutes, 'minute')}, it stays as it is.`
  return `After ${plural(rules.min_requests, 'request')} it is taken back if ${limits.slice(0, -1).join(', ')} or ${limits.at(-1)}; else ${pass}. ${patience}`
}

/** What is asked for in the dialog. */
export interface Draft {
  /** The place as it was when the dialog was opened. */
  place: TrafficPlace
  /** Null: the first there is to choose. */
  version: number | null
  weight: number
  shadow: number
  /** Null: a person decides. */
  rules: RuleTexts | null
}

/** The environment that versions come from to this one. */
export function before(environment: Environment): Environment | undefined {
  return ENVIRONMENTS[ENVIRONMENTS.indexOf(environment) - 1]
}

/** A draft that begins a trial, or changes the one there is. */
export function draftOf(place: TrafficPlace, environments: ModelDetail['environments']): Draft {
  const { candidate, current, environment } = place
  if (!candidate || isOver(candidate)) {
    const from = before(environment)
    const next = from && environments[from]
    return { place, version: next === undefined || next === current.version ? null : next, weight: 10, shadow: 0, rules: null }
  }
  return { place, version: candidate.version, weight: candidate.weight, shadow: candidate.shadow, rules: candidate.rules && ruleTexts(candidate.rules) }
}

/** Whether a draft changes a trial that goes on, rather than beginning one. */
export function isChange({ place: { candidate } }: Draft): boolean {
  return candidate !== null && !isOver(candidate)
}

/** Production takes the word when a trial begins there, or has more requests than before. */
export function takesWord({ place, weight }: Pick<Draft, 'place' | 'weight'>): boolean {
  const { environment, candidate } = place
  return environment === 'prod' && (!candidate || isOver(candidate) || weight > candidate.weight)
}

function rulesOf({ rules, shadow }: Draft): CanaryRules | null {
  if (!rules) return null
  return {
    min_requests: Number(rules.requests),
    max_error_rate: share(rules.errors),
    max_latency_ratio: Number(rules.latency),
    // Without a shadow there are no answers to compare.
    min_agreement: shadow === 0 || rules.agreement === '' ? null : share(rules.agreement),
    within_minutes: Number(rules.minutes),
    on_pass: rules.pass,
  }
}

/** What the server is asked for. */
export function changeOf(draft: Draft, version: number): TrafficChange {
  return { environment: draft.place.environment, version, weight: draft.weight, shadow: draft.shadow, rules: rulesOf(draft) }
}

/** Whether somebody else has changed meanwhile which versions are at a place. */
export function isOutdated(place: TrafficPlace, present: TrafficPlace | undefined): boolean {
  const key = ({ current, candidate }: TrafficPlace) => `${current.version} ${candidate && !isOver(candidate) ? `${candidate.version} ${candidate.since}` : ''}`
  return !present || key(place) !== key(present)
}
