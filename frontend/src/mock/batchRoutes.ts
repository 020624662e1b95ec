import { type BatchPrediction, type BatchPreview, type BatchStatus, isUnfinished, type NewBatchPrediction } from '../api/types'
import { makeBatch, move, outputColumns, ROWS_A_SHARD, settle } from './batch'
import { json, page, problem } from './http'
import type { MockModel } from './models'
import type { Call, Handler } from './server'
import { type MockTable, tableAt } from './tables'

export interface World {
  batches: BatchPrediction[]
  tables: MockTable[]
  models: ReadonlyMap<string, MockModel>
  access: { me: { name: string } | null }
}

export function preview(body: NewBatchPrediction, { tables, models }: World): BatchPreview | Response {
  const model = models.get(body.model_name)?.detail
  if (!model) return problem(404, 'not_found', `there is no model ${body.model_name}: choose one of those that mlsys models shows`)
  const version = body.version ?? model.environments[body.environment]
  if (version === undefined) return problem(409, 'not_deployed', `nothing of ${body.model_name} is deployed to ${body.environment}: promote a version, or name one`)
  const input = tables.find((one) => one.name === body.input_table)
  const newest = input?.versions[0]
  if (!input || !newest) return problem(404, 'not_found', `there is no table ${body.input_table}: mlsys tables list shows those that there are`)
  const output = tables.find((one) => one.name === body.output_table)
  if (body.write_disposition === 'WRITE_EMPTY' && output) return problem(409, 'not_empty', `the table ${body.output_table} has rows: choose another one, or another write_disposition`)
  const { rows, bytes } = tableAt(input, newest.version)
  const shards = Math.max(1, Math.ceil((rows ?? 0) / ROWS_A_SHARD))
  return { model_name: body.model_name, version, input_table: body.input_table, input_version: newest.version, rows: rows ?? 0, bytes, shards, output_columns: outputColumns(body, input) }
}

function start(body: NewBatchPrediction, world: World, now: number): Response {
  const found = preview(body, world)
  if (found instanceof Response) return found
  if (body.dry_run) return json(found)
  const known = world.batches.find((one) => one.job !== null && one.job === body.job)
  if (known) return json(known, 202)
  const { model_name, version, input_table, input_version, rows, shards } = found
  const { environment, output_table, write_disposition = 'WRITE_APPEND', on_reject = 'table', job = null } = body
  const given = { model_name, version, environment, input_table, input_version, rows, shards, output_table, write_disposition, job, output_version: null }
  const made = makeBatch(world.batches.length + 100, { ...given, reject_table: on_reject === 'table' ? `${output_table}_rejects` : null, created_by: world.access.me?.name ?? null })
  world.batches.unshift(move(made, now))
  return json(made, 202)
}

/** The routes of `/api/batch-predictions`. */
export function batchRoutes(world: World): readonly [string, Handler][] {
  const on =
    (run: (batch: BatchPrediction) => Response): Handler =>
    ({ parts: [id] }: Call) => {
      const batch = world.batches.find((one) => one.id === id)
      return batch ? run(settle(batch, world.tables, Date.now())) : problem(404, 'not_found', `there is no batch prediction ${id}`)
    }
  const change = (batch: BatchPrediction, allowed: boolean, status: BatchStatus, finished_at: string | null) =>
    allowed ? json(move(Object.assign(batch, { status, finished_at, error: null }), Date.now())) : problem(409, 'wrong_status', `it is ${batch.status}: reload the page`)
  return [
    [
      'GET /api/batch-predictions',
      ({ query }) => {
        const all = world.batches.map((one) => settle(one, world.tables, Date.now()))
        const [model, status] = [query.get('model'), query.get('status')]
        return json(
          page(
            all.filter((one) => (!model || one.model_name === model) && (!status || one.status === status)),
            query,
          ),
        )
      },
    ],
    ['POST /api/batch-predictions', ({ body }) => start(body as NewBatchPrediction, world, Date.now())],
    ['GET /api/batch-predictions/*', on(json)],
    ['POST /api/batch-predictions/*/cancel', on((batch) => change(batch, isUnfinished(batch.status), 'cancelled', new Date().toISOString()))],
    ['POST /api/batch-predictions/*/resume', on((batch) => change(batch, batch.status === 'failed' || batch.status === 'cancelled', 'running', null))],
  ]
}
