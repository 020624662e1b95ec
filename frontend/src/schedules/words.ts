import type { Environment, Firing, FiringCause, Misfire, Overlap, ScheduleKind, ScheduleSource, Work } from '../api/types'
import { type WholeBatch, wholeWork } from './work'

/** What can be chosen, in a word, and in a line for whoever chooses. */
export interface Words {
  word: string
  means: string
}

export const KIND_WORDS: Record<ScheduleKind, Words> = {
  batch_prediction: { word: 'Batch prediction', means: 'A model scores every row of a table into another one.' },
  retraining: { word: 'Retraining', means: 'A notebook runs as it is at the head of its branch, as after a push.' },
  retention: { word: 'Retention', means: 'What the RETENTION_* settings no longer keep is removed.' },
  registry_scan: { word: 'Registry scan', means: 'An environment’s bucket is looked through for model versions, and a table says what lies there.' },
}

/** The table that says what lies in an environment's bucket. */
export const registryTable = (environment: Environment) => `local.mlsys_${environment}.model_registry`

const scanned = (environment: Environment): Words => ({ word: environment, means: `${registryTable(environment)} says what its bucket has.` })
export const SCAN_WORDS: Record<Environment, Words> = { dev: scanned('dev'), staging: scanned('staging'), prod: scanned('prod') }

export const OVERLAP_WORDS: Record<Overlap, Words> = {
  skip: { word: 'Leave the new one out', means: 'A firing whose time comes meanwhile is skipped.' },
  queue: { word: 'Let the new one wait', means: 'A firing whose time comes meanwhile begins when the one before has ended.' },
  replace: { word: 'End the one before', means: 'When its time comes, the one before is cancelled, and the new one begins.' },
}

export const MISFIRE_WORDS: Record<Misfire, Words> = {
  skip: { word: 'Leave them out', means: 'What should have fired while mlsys was down is skipped.' },
  once: { word: 'Fire once for all of them', means: 'When mlsys is back, the newest that was missed stands for all of them.' },
  all: { word: 'Make up for each', means: 'When mlsys is back, every one that was missed runs, one after the other.' },
}

export const CAUSES: Record<FiringCause, string> = {
  cron: 'Its time came',
  manual: 'Run by hand',
  backfill: 'Back-fill',
}

function model({ model_name, version, environment }: WholeBatch): string {
  return `${model_name}${version === null ? '' : ` v${version}`}, ${environment}`
}

/** What a schedule does, in a line. */
export function workText(given: Work): string {
  const work = wholeWork(given)
  if (work.kind === 'batch_prediction') return `${model(work)}: ${work.input_table} → ${work.output_table}`
  if (work.kind === 'retraining') return `${work.notebook_path} of ${work.repo}, ${work.branch}`
  if (work.kind === 'registry_scan') return `The bucket of ${work.environment} → ${registryTable(work.environment)}`
  return KIND_WORDS[work.kind].means
}

/** The file that declares a schedule, as of which commit. */
export const sourceText = ({ repo, path, commit_sha }: ScheduleSource) => `${repo}: ${path}@${commit_sha.slice(0, 7)}`

/** Where one sees what a firing began. */
export function resultOf({ batch_id, pipeline_id }: Firing): { to: string; label: string } | null {
  if (batch_id !== null) return { to: `/batch-predictions/${batch_id}`, label: 'Batch prediction' }
  return pipeline_id === null ? null : { to: `/pipelines/${pipeline_id}`, label: 'Pipeline' }
}

export const schedulePath = (id: string) => `/schedules/${encodeURIComponent(id)}`

/** Patterns that many need, as the form offers them. */
export const PRESETS: readonly { label: string; cron: string }[] = [
  { label: 'Hourly', cron: '0 * * * *' },
  { label: 'Nightly at 02:30', cron: '30 2 * * *' },
  { label: 'Weekdays at 07:00', cron: '0 7 * * 1-5' },
  { label: 'Weekly', cron: '0 6 * * 1' },
  { label: 'Monthly', cron: '0 6 1 * *' },
]
