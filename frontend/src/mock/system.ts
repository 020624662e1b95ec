import type { DayStatistics, Parameter, PipelineDetail, Settings } from '../api/types'
import { seeded } from './random'

const DAY = 86_400_000

export function makeStatistics(pipelines: readonly PipelineDetail[], days: number, now: number): { days: DayStatistics[] } {
  const random = seeded(5)
  return {
    days: Array.from({ length: days }, (_, index) => {
      const date = new Date(now - (days - 1 - index) * DAY).toISOString().slice(0, 10)
      const of = (status: string) => pipelines.filter((one) => one.status === status && one.created_at.startsWith(date)).length
      const busy = Math.floor(random() * 9)
      return {
        date,
        succeeded: of('succeeded') + busy,
        failed: of('failed') + Math.floor(random() * 2.4),
        cancelled: of('cancelled'),
        skipped: of('skipped'),
        deployed: busy,
        median_seconds: busy === 0 ? null : 38 + random() * 30,
      }
    }),
  }
}

export function makeSettings(now: number): Settings {
  const set = (name: string, value: string | null, from: 'environment' | 'default', help: string, secret = false) => ({ name, value, secret, from, help })
  return {
    version: '0.1.0',
    mode: 'embedded',
    started_at: new Date(now - 3 * 3_600_000).toISOString(),
    settings: [
      set('MLSYS_HOME', '.mlsys', 'default', 'Where a process keeps its files'),
      set('MLSYS_PORT', '8000', 'default', 'The API’s port'),
      set('GITHUB_TOKEN', '••••', 'environment', 'Reads repositories on GitHub', true),
      set('REDIS_URL', null, 'default', 'For jobs and live logs', true),
      set('WORKER_CONCURRENCY', '2', 'environment', 'How many pipelines run at the same time'),
    ],
  }
}

export const PARAMETERS: Parameter[] = [
  { name: 'test_size', type: 'float', default: 0.2, source: '0.2', help: 'Share of rows kept for measuring' },
  { name: 'random_state', type: 'int', default: 42, source: '42', help: null },
  { name: 'penalty', type: 'str', default: 'l2', source: '"l2"', help: 'l1 or l2' },
  { name: 'balanced', type: 'bool', default: false, source: 'False', help: null },
  { name: 'columns', type: 'list', default: ['Age', 'Sex'], source: '["Age", "Sex"]', help: 'Columns to use' },
  { name: 'limit', type: 'none', default: null, source: 'None', help: 'Rows to read; None reads all' },
  { name: 'started', type: 'other', default: null, source: 'datetime.now()', help: null },
]
