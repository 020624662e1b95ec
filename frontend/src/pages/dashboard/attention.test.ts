import { describe, expect, it } from 'vitest'
import type { ModelSummary, PipelineRecord, Repo } from '../../api'
import { makeRepos } from '../../mock/repos'
import { MockServer } from '../../mock/server'
import { attention, newestResults } from './attention'

const now = Date.parse('2026-11-21T12:00:00Z')
const base = new MockServer().pipelines.find((pipeline) => pipeline.status === 'succeeded') as PipelineRecord
const minutesAgo = (minutes: number) => new Date(now - minutes * 60_000).toISOString()

function pipeline(change: Partial<PipelineRecord>): PipelineRecord {
  return { ...base, repo: 'acme/a', notebook_path: 'a.ipynb', branch: 'main', created_at: minutesAgo(5), deployed: true, reason: null, ...change }
}

const look = (pipelines: PipelineRecord[], models: ModelSummary[] = [], repos: Repo[] = []) =>
  attention({ pipelines, models, repos, readiness: undefined }, now)

describe('newestResults', () => {
  it('takes the first of each notebook and branch', () => {
    const rows = [pipeline({ id: '3' }), pipeline({ id: '2', branch: 'dev' }), pipeline({ id: '1' })]
    expect(newestResults(rows).map((one) => one.id)).toEqual(['3', '2'])
  })

  it('passes over cancelled and skipped ones', () => {
    const rows = [pipeline({ id: '3', status: 'cancelled' }), pipeline({ id: '2', status: 'skipped' }), pipeline({ id: '1', status: 'failed' })]
    expect(newestResults(rows).map((one) => one.id)).toEqual(['1'])
  })

  it('says nothing while a newer one is under way', () => {
    expect(newestResults([pipeline({ id: '2', status: 'running' }), pipeline({ id: '1', status: 'failed' })])).toEqual([])
  })
})

describe('attention', () => {
  it('names a failure until a newer pipeline succeeds', () => {
    const failed = pipeline({ id: '1', status: 'failed', deployed: false, reason: 'Cell 6 failed' })
    expect(look([failed])).toMatchObject([{ tone: 'danger', detail: 'Cell 6 failed', link: { to: '/pipelines/1' } }])
    expect(look([pipeline({ id: '2' }), failed])).toEqual([])
  })

  it('forgets failures of more than two weeks ago', () => {
    expect(look([pipeline({ status: 'failed', created_at: minutesAgo(15 * 24 * 60) })])).toEqual([])
  })

  it('names a version that a gate held, unless it serves meanwhile', () => {
    const held = pipeline({ deployed: false, model_name: 'churn', registry_version: 4, reason: 'accuracy >= 0.8 does not hold' })
    expect(look([held])).toMatchObject([{ tone: 'warning', title: 'Version 4 of churn is not deployed' }])
    const model: ModelSummary = { name: 'churn', latest_version: 4, versions: 4, environments: { staging: 4 }, updated_at: minutesAgo(1) }
    expect(look([held], [model])).toEqual([])
  })

  it('names dependencies that are away, first', () => {
    const readiness = { status: 'unready' as const, dependencies: { store: 'ok', mlflow: 'connection refused' } }
    const found = attention({ pipelines: [pipeline({ status: 'failed' })], models: [], repos: [], readiness }, now)
    expect(found.map((one) => one.title)).toEqual(['MLflow is away', expect.stringContaining('a.ipynb on main')])
  })

  it('names webhooks that a person must add, until a delivery came', () => {
    const repos = makeRepos(now)
    expect(look([], [], repos).map((one) => one.key)).toEqual(['repo 4'])
    expect(look([], [], repos.map((repo) => ({ ...repo, last_delivery_at: minutesAgo(1) })))).toEqual([])
  })
})
