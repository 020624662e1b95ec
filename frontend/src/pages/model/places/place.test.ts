import { describe, expect, it } from 'vitest'
import type { CanaryRules, Grant, Me, ModelDetail, TrafficCandidate, TrafficPlace } from '../../../api'
import { percentOf } from './PercentField'
import { changeOf, type Draft, draftOf, isOutdated, isOver, mayShare, ruleTexts, ruleWords, sharesOf, stateOf, takesWord } from './place'

const rules: CanaryRules = { min_requests: 200, max_error_rate: 0.01, max_latency_ratio: 1.5, min_agreement: 0.99, within_minutes: 60, on_pass: 'keep' }
const candidate = (change: Partial<TrafficCandidate> = {}): TrafficCandidate => ({
  version: 5,
  weight: 10,
  shadow: 0,
  since: '2026-11-21T00:00:00Z',
  by: 'grace',
  rules: null,
  verdict: null,
  ...change,
})
const place = (change: Partial<TrafficPlace> = {}): TrafficPlace => ({ environment: 'prod', current: { version: 4, weight: 90 }, candidate: candidate(), ...change })
const verdict = (outcome: 'waiting' | 'promoted' | 'withdrawn' | 'kept') => ({ at: '2026-11-21T00:00:00Z', outcome, reason: 'so' })

describe('sharesOf', () => {
  it('is in proportion to the weights', () => {
    expect(sharesOf(place())).toEqual({ current: 0.9, candidate: 0.1 })
    expect(sharesOf(place({ current: { version: 4, weight: 30 }, candidate: candidate({ weight: 10 }) }))).toEqual({ current: 0.75, candidate: 0.25 })
  })
  it('is all of it without a candidate', () => {
    expect(sharesOf(place({ current: { version: 4, weight: 100 }, candidate: null }))).toEqual({ current: 1, candidate: 0 })
  })
  it('is nothing where nobody has a weight', () => {
    expect(sharesOf(place({ current: { version: 4, weight: 0 }, candidate: null }))).toEqual({ current: 0, candidate: 0 })
  })
})

describe('mayShare', () => {
  const model = { name: 'churn', owner: 'acme/churn' } as ModelDetail
  const me = (may: string[], ...grants: Grant[]): Me => ({ kind: 'person', name: 'x', person_id: null, session_id: null, grants, may, expires_at: null })
  it('is for operators of everything, of the model, or of its repository', () => {
    expect(mayShare(me(['see', 'traffic'], { role: 'operator' }), model)).toBe(true)
    expect(mayShare(me([], { role: 'operator', model: 'churn' }), model)).toBe(true)
    expect(mayShare(me([], { role: 'admin', repo: 'acme/churn' }), model)).toBe(true)
  })
  it('is for nobody else', () => {
    expect(mayShare(undefined, model)).toBe(false)
    expect(mayShare(me(['see'], { role: 'viewer' }), model)).toBe(false)
    expect(mayShare(me(['see'], { role: 'developer', model: 'churn' }), model)).toBe(false)
    expect(mayShare(me([], { role: 'operator', model: 'iris' }, { role: 'operator', repo: 'acme/iris' }), model)).toBe(false)
    expect(mayShare(me([], { role: 'operator', repo: 'acme/churn' }), { ...model, owner: null })).toBe(false)
  })
})

describe('the state in words', () => {
  it.each([
    [{ weight: 10, shadow: 0 }, /^Version 5 answers 10 of 100 requests\.$/],
    [{ weight: 10, shadow: 30 }, /answers 10 of 100 requests\. 30 of 100 .* unseen/],
    [{ weight: 0, shadow: 30 }, /answers no requests\. 30 of 100/],
    [{ weight: 0, shadow: 0 }, /stands by: .* only requests that name it/],
    [{ weight: 0, verdict: verdict('promoted') }, /for the way back/],
    [{ verdict: verdict('withdrawn') }, /taken back/],
  ])('%j', (change, words) => expect(stateOf(candidate(change))).toMatch(words))
})

describe('rules', () => {
  it('are typed in percent, and sent as shares without rounding errors', () => {
    expect(ruleTexts({ ...rules, max_error_rate: 0.29, min_agreement: 0.57 })).toMatchObject({ errors: '29', agreement: '57' })
    const draft: Draft = { place: place(), version: 5, weight: 10, shadow: 50, rules: { ...ruleTexts(rules), errors: '0.7', agreement: '99.9' } }
    expect(changeOf(draft, 5).rules).toEqual({ ...rules, max_error_rate: 0.007, min_agreement: 0.999 })
  })
  it('look at answers only where there is a shadow', () => {
    const draft: Draft = { place: place(), version: 5, weight: 10, shadow: 0, rules: ruleTexts(null) }
    expect(changeOf(draft, 5).rules?.min_agreement).toBeNull()
    expect(changeOf({ ...draft, shadow: 10 }, 5).rules?.min_agreement).toBe(0.99)
    expect(changeOf({ ...draft, shadow: 10, rules: { ...ruleTexts(null), agreement: '' } }, 5).rules?.min_agreement).toBeNull()
  })
  it('are none where a person decides', () => {
    expect(changeOf({ place: place(), version: 5, weight: 10, shadow: 0, rules: null }, 5)).toEqual({ environment: 'prod', version: 5, weight: 10, shadow: 0, rules: null })
  })
  it('are said in a sentence', () => {
    expect(ruleWords(rules)).toBe(
      'After 200 requests it is taken back if its share of errors is more than 1 point above the current version’s, it takes more than 1.5 times as long or less than 99 % of its shadow answers agree; else it stays until somebody decides. If there are too few within 60 minutes, it stays as it is.',
    )
    expect(ruleWords({ ...rules, min_agreement: null, on_pass: 'promote' })).toMatch(/or it takes more than 1\.5 times as long; else it is promoted/)
  })
})

describe('a draft', () => {
  const environments = { dev: 6, staging: 5, prod: 4 }
  it('begins with the version that serves before, unless that serves here too', () => {
    expect(draftOf(place({ candidate: null }), environments)).toMatchObject({ version: 5, weight: 10, shadow: 0, rules: null })
    expect(draftOf(place({ candidate: null }), { ...environments, staging: 4 }).version).toBeNull()
    expect(draftOf(place({ environment: 'dev', candidate: null }), environments).version).toBeNull()
  })
  it('begins with what the trial has, unless that is over', () => {
    expect(draftOf(place({ candidate: candidate({ weight: 35, shadow: 5, rules }) }), environments)).toMatchObject({ version: 5, weight: 35, shadow: 5, rules: { errors: '1', pass: 'keep' } })
    const over = place({ candidate: candidate({ weight: 0, verdict: verdict('promoted') }) })
    expect(over.candidate && isOver(over.candidate)).toBe(true)
    expect(draftOf(over, environments)).toMatchObject({ weight: 10, rules: null })
  })
  it('takes the word in production, to begin and to grow', () => {
    expect(takesWord({ place: place({ candidate: null }), weight: 0 })).toBe(true)
    expect(takesWord({ place: place(), weight: 11 })).toBe(true)
    expect(takesWord({ place: place(), weight: 10 })).toBe(false)
    expect(takesWord({ place: place({ candidate: candidate({ verdict: verdict('withdrawn') }) }), weight: 1 })).toBe(true)
    expect(takesWord({ place: place({ environment: 'staging', candidate: null }), weight: 100 })).toBe(false)
  })
  it('is outdated when others changed the versions, and not when they changed shares', () => {
    expect(isOutdated(place(), place({ candidate: candidate({ weight: 50 }) }))).toBe(false)
    expect(isOutdated(place(), place({ current: { version: 5, weight: 100 }, candidate: null }))).toBe(true)
    expect(isOutdated(place(), place({ candidate: candidate({ version: 6 }) }))).toBe(true)
    expect(isOutdated(place({ candidate: null }), place({ candidate: candidate({ verdict: verdict('withdrawn') }) }))).toBe(false)
    expect(isOutdated(place(), undefined)).toBe(true)
  })
})

describe('percentOf', () => {
  it.each([
    ['0', 0],
    ['100', 100],
    ['7', 7],
  ])('reads %s', (text, percent) => expect(percentOf(text)).toBe(percent))
  it.each(['', '101', '-1', '1.5', '1e1', ' ', 'ten'])('refuses %j', (text) => expect(percentOf(text)).toBeNull())
})
