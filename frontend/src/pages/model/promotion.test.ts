import { describe, expect, it } from 'vitest'
import { ApiProblem, type ModelDetail } from '../../api'
import { adviceForChange, type Change, isConfirmed, isStale, metricRows, promotionFrom, rollbackOf } from './promotion'

const model: ModelDetail = {
  name: 'churn',
  owner: null,
  latest_version: 5,
  versions: 5,
  deployed_at: {},
  environments: { dev: 5, staging: 4 },
  updated_at: '2026-11-21T00:00:00Z',
  deployments: [
    { environment: 'dev', version: 5, deployed_at: '2026-11-21T00:00:00Z', rollback_to: 4 },
    { environment: 'staging', version: 4, deployed_at: '2026-11-20T00:00:00Z', rollback_to: null },
  ],
}

describe('promotionFrom', () => {
  it('goes one environment on', () => {
    expect(promotionFrom(model, 'dev')).toEqual({ kind: 'promote', from: 'dev', to: 'staging', version: 5, previous: 4 })
    expect(promotionFrom(model, 'staging')).toEqual({ kind: 'promote', from: 'staging', to: 'prod', version: 4, previous: null })
    expect(promotionFrom(model, 'prod')).toBeNull()
  })
  it('says why there is none', () => {
    expect(promotionFrom({ ...model, environments: {} }, 'dev')).toBe('Nothing serves in dev.')
    expect(promotionFrom({ ...model, environments: { dev: 4, staging: 4 } }, 'dev')).toBe('Version 4 serves in staging already.')
  })
})

describe('rollbackOf', () => {
  it('names the version that comes back', () => {
    expect(rollbackOf(model, 'dev')).toEqual({ kind: 'rollback', to: 'dev', version: 4, previous: 5 })
  })
  it('says why there is none', () => {
    expect(rollbackOf(model, 'staging')).toMatch(/No other version/)
    expect(rollbackOf(model, 'prod')).toMatch(/Nothing serves/)
  })
})

describe('the confirmation', () => {
  const toProd: Change = { kind: 'promote', from: 'staging', to: 'prod', version: 4, previous: null }
  it('is the whole word, for production only', () => {
    expect(isConfirmed(toProd, '')).toBe(false)
    expect(isConfirmed(toProd, 'Production')).toBe(false)
    expect(isConfirmed(toProd, ' production ')).toBe(true)
    expect(isConfirmed({ ...toProd, from: 'dev', to: 'staging' }, '')).toBe(true)
    expect(isConfirmed({ kind: 'rollback', to: 'prod', version: 3, previous: 4 }, 'prod')).toBe(false)
  })
})

describe('isStale', () => {
  it('notices what others changed', () => {
    const change = promotionFrom(model, 'dev') as Change
    expect(isStale(change, model)).toBe(false)
    expect(isStale(change, { ...model, environments: { dev: 6, staging: 4 } })).toBe(true)
    expect(isStale(change, { ...model, environments: { dev: 5, staging: 5 } })).toBe(true)
    const back = rollbackOf(model, 'dev') as Change
    expect(isStale(back, model)).toBe(false)
    expect(isStale(back, { ...model, deployments: [] })).toBe(true)
  })
})

describe('metricRows', () => {
  it('puts both versions side by side', () => {
    expect(metricRows({ accuracy: 0.8, old: 1 }, { accuracy: 0.75, f1: null })).toEqual([
      { name: 'accuracy', now: 0.8, then: 0.75, difference: 0.75 - 0.8 },
      { name: 'f1', now: null, then: null, difference: null },
      { name: 'old', now: 1, then: null, difference: null },
    ])
  })
  it('takes a first version', () => {
    expect(metricRows(undefined, { f1: 0.5 })).toEqual([{ name: 'f1', now: null, then: 0.5, difference: null }])
  })
})

describe('adviceForChange', () => {
  const problem = (code: string) => new ApiProblem({ code, status: 409, title: 'As the server says', detail: '' })
  it.each(['confirmation_required', 'not_deployed', 'deployment_in_progress', 'model_refused', 'digest_mismatch', 'nothing_to_roll_back_to', 'model_server_unavailable', 'unreachable'])(
    'has own words for %s',
    (code) => {
      expect(adviceForChange(problem(code)).title).not.toBe('As the server says')
    },
  )
  it('keeps the server’s words for others', () => {
    expect(adviceForChange(problem('new_code')).title).toBe('As the server says')
  })
})
