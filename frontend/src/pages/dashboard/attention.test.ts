import { describe, expect, it } from 'vitest'
import type { Approval, AttentionPipeline, Me, Overview } from '../../api'
import { makeOverview } from '../../mock/overview'
import { MockServer } from '../../mock/server'
import { attention } from './attention'

const server = new MockServer()
const base = makeOverview(server.pipelines, server.models, [], server.started)

function failure(id: string, change: Partial<AttentionPipeline> = {}): AttentionPipeline {
  const common = { id, repo: 'acme/a', branch: 'main', notebook_path: 'a.ipynb', model_name: null, registry_version: null }
  return { ...common, reason: 'failed', phase: 'execute', detail: 'Cell 6 failed', finished_at: null, ...change }
}

function overview(change: Partial<Overview['attention']>): Overview {
  return { ...base, attention: { total: 0, failed: 0, not_deployed: 0, without_webhook: 0, pipelines: [], repos: [], approvals: [], ...change } }
}

describe('attention', () => {
  it('names failures with the phase, and what helps', () => {
    const [item] = attention(overview({ total: 1, failed: 1, pipelines: [failure('1')] }), undefined, 5).items
    expect(item).toMatchObject({ tone: 'danger', title: 'a.ipynb on main fails in execute', detail: 'Cell 6 failed', link: { to: '/pipelines/1' } })
  })

  it('names versions that are not deployed after failures and repositories', () => {
    const held = failure('2', { reason: 'not_deployed', phase: null, model_name: 'churn', registry_version: 4 })
    const repo = { id: 4, full_name: 'acme/churn', detail: 'The token may not add webhooks.' }
    const all = overview({ total: 3, failed: 1, not_deployed: 1, without_webhook: 1, pipelines: [failure('1'), held], repos: [repo] })
    expect(attention(all, undefined, 5).items.map((one) => one.title)).toEqual(['a.ipynb on main fails in execute', 'No push to acme/churn has arrived yet', 'Version 4 of churn is not deployed'])
  })

  it('names dependencies that are unavailable first, and counts them', () => {
    const readiness = { status: 'unready' as const, dependencies: { store: 'ok', mlflow: 'connection refused' } }
    const found = attention(overview({ total: 1, failed: 1, pipelines: [failure('1')] }), readiness, 5)
    expect(found.items.map((one) => one.title)).toEqual(['MLflow is unavailable', 'a.ipynb on main fails in execute'])
    expect(found.total).toBe(2)
  })

  it('tells how much there is that neither it nor the answer shows', () => {
    const repo = { id: 4, full_name: 'acme/churn', detail: '' }
    const all = overview({ total: 45, failed: 41, without_webhook: 4, pipelines: ['1', '2', '3'].map((id) => failure(id)), repos: [repo] })
    const found = attention(all, undefined, 2)
    expect(found.items).toHaveLength(2)
    expect(found.hidden).toEqual({ pipelines: 39, repos: 4 })
    expect(found.total).toBe(45)
  })

  it('names what waits for a second person, unless it is oneself who asked or one may not', () => {
    const [someone, other] = ['0198c1de-7a3b-7000-a000-000000000004', '0198c1de-7a3b-7000-a000-000000000005']
    const approval: Approval = {
      id: '1',
      model_name: 'churn',
      version: 4,
      from: 'staging',
      to: 'prod',
      previous_version: null,
      state: 'waiting',
      asker: 'grace',
      asked_by: someone,
      asked_at: '2026-01-01T00:00:00Z',
      expires_at: '2026-01-02T00:00:00Z',
      decider: null,
      decided_at: null,
      detail: null,
    }
    const all = overview({ approvals: [approval] })
    const me = (person_id: string | null, may: string[]): Me => ({ kind: 'person', name: 'x', person_id, session_id: null, grants: [], may, expires_at: null })
    const found = attention(all, undefined, 5, me(other, ['promote:prod']))
    expect(found.items.map((one) => one.title)).toEqual(['Version 4 of churn waits for your approval'])
    expect(found.total).toBe(1)
    for (const nobody of [undefined, me(someone, ['promote:prod']), me(other, ['promote:staging'])]) expect(attention(all, undefined, 5, nobody).items).toEqual([])
  })
})
