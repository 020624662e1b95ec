import type { BatchPrediction, NewBatchPrediction, TableField } from '../api/types'
import { seeded, uuid7 } from './random'
import type { MockTable } from './tables'

const MINUTE = 60_000
/** How long each takes, whatever it scores, and how long it waits before and writes after. */
const TAKES = MINUTE
const WAITS = 2_000
export const ROWS_A_SHARD = 100_000

/** Since when those that go on would have been going on without a break. The others stay as they are, so that every state can be seen. */
const moving = new WeakMap<BatchPrediction, number>()

/** Lets it go on from where it is. */
export function move(batch: BatchPrediction, now: number): BatchPrediction {
  moving.set(batch, now - (TAKES * batch.rows_done) / Math.max(1, batch.rows ?? 0))
  return batch
}

/** What added columns are called, unless something else is asked for. */
export const NAMES: BatchPrediction['names'] = {
  prediction: 'Prediction',
  timestamp: 'PredictionTimestamp',
  model_name: 'ModelName',
  model_version: 'ModelVersion',
  probability: 'PredictionProbability',
  scheduled_for: 'ScheduledFor',
}

export function makeBatch(number: number, given: Partial<BatchPrediction>): BatchPrediction {
  const rows = given.rows ?? 1_204_332
  return {
    id: uuid7(1_790_000_000_000 + number * MINUTE, seeded(number)),
    job: null,
    model_name: 'customer-churn',
    version: 2,
    environment: 'prod',
    input_table: 'acme.shop.customers',
    input_version: 1,
    output_table: 'acme.shop.churn_predictions',
    output_version: null,
    reject_table: 'acme.shop.churn_predictions_rejects',
    write_disposition: 'WRITE_APPEND',
    through: ['customer_id'],
    names: NAMES,
    status: 'queued',
    rows,
    rows_done: 0,
    rows_rejected: 0,
    shards: Math.max(1, Math.ceil(rows / ROWS_A_SHARD)),
    shards_done: 0,
    error: null,
    created_by: 'grace',
    created_at: new Date().toISOString(),
    started_at: null,
    finished_at: null,
    ...given,
  }
}

/** Batch predictions in all states, newest first. */
export function makeBatches(now: number): BatchPrediction[] {
  const at = (minutes: number) => new Date(now - minutes * MINUTE).toISOString()
  const titanic = { model_name: 'titanic-survival', environment: 'staging' as const, input_table: 'local.titanic.passengers', output_table: 'local.titanic.survival', rows: 1_309 }
  const states: Partial<BatchPrediction>[] = [
    { status: 'queued', created_by: 'owner', created_at: at(0.1) },
    { status: 'running', job: 'nightly-13', rows_done: 220_000, shards_done: 2, created_at: at(0.3), started_at: at(0.25) },
    {
      status: 'writing',
      rows: 500_000,
      rows_done: 500_000,
      rows_rejected: 31,
      shards_done: 5,
      output_table: 'acme.shop.half',
      reject_table: 'acme.shop.half_rejects',
      created_at: at(4),
      started_at: at(3.9),
    },
    { status: 'succeeded', job: 'nightly-12', output_version: 1, rows_done: 1_204_332, rows_rejected: 12, shards_done: 13, created_at: at(1_560), started_at: at(1_560), finished_at: at(1_556) },
    {
      ...titanic,
      status: 'failed',
      rows_done: 700,
      reject_table: null,
      error: 'row 701: column "Fare" is missing: fill the gap, or let such rows go to a table of rejects',
      created_at: at(1_700),
      started_at: at(1_700),
      finished_at: at(1_699.5),
    },
    {
      ...titanic,
      status: 'cancelled',
      write_disposition: 'WRITE_TRUNCATE',
      rows_done: 200,
      created_by: null,
      reject_table: 'local.titanic.survival_rejects',
      created_at: at(2_900),
      started_at: at(2_900),
      finished_at: at(2_899),
    },
    { status: 'succeeded', job: 'nightly-11', output_version: 0, rows: 1_198_004, rows_done: 1_198_004, shards_done: 12, created_at: at(3_120), started_at: at(3_120), finished_at: at(3_116) },
  ]
  const made = states.map((state, index) => makeBatch(states.length - index, state))
  for (const one of made) if (one.status === 'running') move(one, now)
  return made
}

/** Brings a batch prediction to where it is by now; what has succeeded is a version of its table. */
export function settle(batch: BatchPrediction, tables: MockTable[], now: number): BatchPrediction {
  const since = moving.get(batch)
  if (since === undefined) return batch
  const gone = now - since
  if (batch.status === 'queued' && gone >= WAITS) {
    Object.assign(batch, { status: 'running', started_at: new Date(now).toISOString() })
    moving.set(batch, now)
  } else if (batch.status === 'running') {
    const share = Math.min(1, gone / TAKES)
    Object.assign(batch, { rows_done: Math.floor((batch.rows ?? 0) * share), shards_done: Math.floor(batch.shards * share) })
    batch.rows_rejected = batch.reject_table ? Math.floor(batch.rows_done / 90_000) : 0
    if (share === 1) batch.status = 'writing'
  } else if (batch.status === 'writing' && gone > TAKES + WAITS) {
    Object.assign(batch, { status: 'succeeded', finished_at: new Date(now).toISOString(), output_version: write(batch, tables, now) })
  }
  return batch
}

export function outputColumns(batch: Pick<NewBatchPrediction, 'id_columns'>, input: MockTable | undefined): TableField[] {
  const through = (input?.columns ?? []).filter((one) => batch.id_columns?.includes(one.name) ?? true)
  const added = [
    ['prediction', 'string'],
    ['prediction_timestamp', 'timestamp'],
    ['model_name', 'string'],
    ['model_version', 'long'],
  ] as const
  return [...through.map(({ name, type, nullable }) => ({ name, type, nullable })), ...added.map(([name, type]) => ({ name, type, nullable: false }))]
}

function write(batch: BatchPrediction, tables: MockTable[], now: number): number {
  const input = tables.find((one) => one.name === batch.input_table)
  let output = tables.find((one) => one.name === batch.output_table)
  if (!output) {
    const values: Record<string, unknown> = { prediction: 'stays', prediction_timestamp: batch.created_at, model_name: batch.model_name, model_version: batch.version }
    output = {
      name: batch.output_table,
      problem: null,
      versions: [],
      columns: outputColumns({}, input).map((one) => ({ ...one, value: input?.columns.find((column) => column.name === one.name)?.value ?? (() => values[one.name]) })),
    }
    tables.push(output)
    tables.sort((one, other) => one.name.localeCompare(other.name))
  }
  const version = (output.versions[0]?.version ?? -1) + 1
  const rows = (batch.rows ?? 0) - batch.rows_rejected
  output.versions.unshift({
    version,
    at: new Date(now).toISOString(),
    operation: batch.write_disposition === 'WRITE_TRUNCATE' ? 'WRITE_TRUNCATE' : 'WRITE',
    rows,
    bytes: rows * 50,
    job: batch.job ?? batch.id,
  })
  return version
}
