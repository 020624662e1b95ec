import { type BatchPrediction, type Firing, type FiringCause, type FiringStatus, isUnderWay, isUnfinished, type PipelineDetail, type Schedule, type Work } from '../api/types'
import { makeBatch, move, NAMES, settle as settleBatch } from './batch'
import { describeCron, momentsOf, readCron } from './cron'
import { seeded, uuid7 } from './random'
import type { MockTable } from './tables'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** How long a firing waits, and how long one takes that is no batch prediction. */
const WAITS = 1_000
const TAKES = 6_000

export interface World {
  batches: BatchPrediction[]
  pipelines: PipelineDetail[]
  tables: MockTable[]
}

/** What is kept of a schedule; the rest of what the API says is found when it is asked. */
export type Kept = Omit<Schedule, 'description' | 'next_firings' | 'last_firing' | 'waiting'>

export interface MockSchedule {
  kept: Kept
  /** The newest moments first. */
  firings: Firing[]
  /** Up to when its time was looked for. */
  seen: number
}

interface Example {
  name: string
  work: Work
  cron: string
  time_zone: string
  given?: Partial<Kept>
  /** How far back its history goes. */
  days: number
  /** Which share of its firings failed, and was left out. */
  failed: number
  skipped: number
}

const score = (model_name: string, environment: 'dev' | 'staging' | 'prod', input_table: string, output_table: string): Work => ({
  kind: 'batch_prediction',
  model_name,
  environment,
  version: null,
  input_table,
  output_table,
  write_disposition: 'WRITE_APPEND',
  id_columns: null,
  on_reject: 'table',
  names: NAMES,
})

const EXAMPLES: readonly Example[] = [
  {
    name: 'customer-churn-predictions-prod',
    work: score('customer-churn', 'prod', 'acme.shop.customers', 'acme.shop.churn_predictions'),
    cron: '30 2 * * *',
    time_zone: 'Europe/Berlin',
    days: 75,
    failed: 0.05,
    skipped: 0,
  },
  {
    name: 'titanic-survival-predictions-dev',
    work: score('titanic-survival', 'dev', 'local.titanic.passengers', 'local.titanic.survival'),
    cron: '0 * * * *',
    time_zone: 'UTC',
    given: { overlap: 'queue', misfire: 'all' },
    days: 20,
    failed: 0.2,
    skipped: 0.06,
  },
  {
    name: 'house-price-retraining',
    work: { kind: 'retraining', repo: 'acme/pricing', branch: 'main', notebook_path: 'notebooks/house-price-regression.ipynb', parameters: { epochs: 20, regions: ['north', 'south'] } },
    cron: '0 5 * * 1',
    time_zone: 'America/New_York',
    given: { paused: true, overlap: 'replace', created_by: 'grace' },
    days: 60,
    failed: 0.3,
    skipped: 0,
  },
  {
    name: 'iris-every-five-minutes',
    work: score('iris-species', 'staging', 'local.garden.flowers', 'local.garden.species'),
    cron: '*/5 * * * *',
    time_zone: 'Asia/Kolkata',
    days: 6,
    failed: 0.01,
    skipped: 0.02,
  },
  {
    name: 'monthly-survival-report',
    work: score('titanic-survival', 'prod', 'local.titanic.passengers', 'local.titanic.monthly'),
    cron: '0 6 1 * *',
    time_zone: 'America/New_York',
    days: 400,
    failed: 0,
    skipped: 0,
  },
  { name: 'retention', work: { kind: 'retention' }, cron: '15 4 * * 0', time_zone: 'UTC', given: { misfire: 'skip', created_by: null }, days: 30, failed: 0, skipped: 0 },
  { name: 'registry-scan-dev', work: { kind: 'registry_scan', environment: 'dev' }, cron: '45 * * * *', time_zone: 'UTC', days: 10, failed: 0, skipped: 0 },
  {
    name: 'loans-retraining',
    work: { kind: 'retraining', repo: 'acme/loans', branch: 'main', notebook_path: 'notebooks/loans.ipynb', parameters: {} },
    cron: '0 3 * * 6',
    time_zone: 'UTC',
    given: { created_by: 'acme/loans@4f2a91c', source: { repo: 'acme/loans', path: 'notebooks/mlsys.toml', commit_sha: '4f2a91c07b6d5e3f8a1b2c3d4e5f60718293a4b5' } },
    days: 40,
    failed: 0,
    skipped: 0,
  },
]

const REASONS: Partial<Record<FiringStatus, string>> = {
  failed: 'row 701: column "Fare" is missing: fill the gap, or let such rows go to a table of rejects',
  skipped: 'the one before still ran',
}

let number = 0

/** A firing that nothing has come of yet. */
export function makeFiring(schedule_id: string, scheduled_for: string, cause: FiringCause, created: number): Firing {
  number += 1
  const created_at = new Date(created).toISOString()
  const id = uuid7(1_790_000_000_000 + number, seeded(number))
  return { id, schedule_id, scheduled_for, cause, status: 'waiting', reason: null, batch_id: null, pipeline_id: null, created_at, started_at: null, finished_at: null }
}

/** Those of a past in which everything has ended. */
function pastOf({ failed, skipped, days }: Example, kept: Kept, world: World, now: number): Firing[] {
  const pattern = readCron(kept.cron)
  const random = seeded(kept.name.length * 97)
  const moments = pattern ? momentsOf(pattern, kept.time_zone, now - days * DAY, now - 10 * MINUTE, 5_000) : []
  return moments.reverse().map((at) => {
    const draw = random()
    const status: FiringStatus = draw < failed ? 'failed' : draw < failed + skipped ? 'skipped' : 'succeeded'
    const reason = status === 'failed' && kept.work.kind === 'retraining' ? 'cell 6: KeyError: "region"' : (REASONS[status] ?? null)
    const firing = { ...makeFiring(kept.id, at, 'cron', Date.parse(at)), status, reason }
    if (status === 'skipped') return firing
    const started = Date.parse(at) + 2_000
    return {
      ...firing,
      ...begun(kept.work, world, status),
      started_at: new Date(started).toISOString(),
      finished_at: new Date(started + 20_000 + random() * 200_000).toISOString(),
    }
  })
}

/** Something that went like that, to link to. */
function begun(work: Work, { batches, pipelines }: World, status: 'succeeded' | 'failed'): Pick<Firing, 'batch_id' | 'pipeline_id'> {
  const like = <One extends { id: string; status: string }>(all: readonly One[]) => all.find((one) => one.status === status)?.id ?? null
  return { batch_id: work.kind === 'batch_prediction' ? like(batches) : null, pipeline_id: work.kind === 'retraining' ? like(pipelines) : null }
}

/** Schedules of every kind, by name: one that fails now and then, a paused one, one with many firings, and zones whose clocks change. */
export function makeSchedules(world: World, now: number): MockSchedule[] {
  const made = EXAMPLES.map((example, index): MockSchedule => {
    const { name, work, cron, time_zone, given } = example
    const created = new Date(now - example.days * DAY).toISOString()
    // Not from the present time: an address stays good when the page is loaded again.
    const id = uuid7(1_789_000_000_000 + index, seeded(index + 300))
    const kept: Kept = { id, name, work, cron, time_zone, overlap: 'skip', misfire: 'once', paused: false, created_by: 'owner', created_at: created, changed_at: created, source: null, ...given }
    return { kept, firings: pastOf(example, kept, world, now), seen: now }
  })
  return made.sort((one, other) => one.kept.name.localeCompare(other.kept.name))
}

/** Puts a firing where its moment belongs. */
export function add(schedule: MockSchedule, firing: Firing): Firing {
  const at = schedule.firings.findIndex((one) => one.scheduled_for <= firing.scheduled_for)
  schedule.firings.splice(at === -1 ? schedule.firings.length : at, 0, firing)
  return firing
}

function begin(firing: Firing, { work }: Kept, world: World, now: number): void {
  Object.assign(firing, { status: 'running', started_at: new Date(now).toISOString() })
  if (work.kind === 'retraining') Object.assign(firing, begun(work, world, 'succeeded'))
  if (work.kind !== 'batch_prediction') return
  const { model_name, environment, input_table, output_table, write_disposition } = work
  const batch = makeBatch(world.batches.length + 500, { model_name, environment, input_table, output_table, write_disposition, rows: 1_309, reject_table: `${output_table}_rejects` })
  world.batches.unshift(move(batch, now))
  firing.batch_id = batch.id
}

function follow(firing: Firing, world: World, now: number): void {
  const batch = world.batches.find((one) => one.id === firing.batch_id)
  const finished_at = new Date(now).toISOString()
  if (!batch) {
    if (now - Date.parse(firing.started_at ?? '') > TAKES) Object.assign(firing, { status: 'succeeded', finished_at })
    return
  }
  const { status, error } = settleBatch(batch, world.tables, now)
  if (!isUnfinished(status)) Object.assign(firing, { status, reason: error, finished_at: batch.finished_at ?? finished_at })
}

/** Begins the next one when nothing runs; what is asked for the past comes after the rest. */
function takeTurn({ kept, firings }: MockSchedule, world: World, now: number): void {
  if (firings.some((one) => one.status === 'running')) return
  const isPast = (one: Firing) => Number(one.cause === 'backfill')
  const [next] = firings.filter((one) => one.status === 'waiting').sort((one, other) => isPast(one) - isPast(other) || one.scheduled_for.localeCompare(other.scheduled_for))
  if (next && now - Date.parse(next.created_at) > WAITS) begin(next, kept, world, now)
}

/** Brings a schedule to where it is by now. */
export function settle(schedule: MockSchedule, world: World, now: number): MockSchedule {
  const { kept, firings, seen } = schedule
  const pattern = readCron(kept.cron)
  const due = pattern && !kept.paused ? momentsOf(pattern, kept.time_zone, seen, now, 100) : []
  for (const at of due) {
    const left = kept.overlap === 'skip' && firings.some((one) => isUnderWay(one.status))
    add(schedule, { ...makeFiring(kept.id, at, 'cron', now), ...(left ? { status: 'skipped', reason: REASONS.skipped ?? null } : {}) })
  }
  schedule.seen = now
  for (const firing of firings) if (firing.status === 'running') follow(firing, world, now)
  takeTurn(schedule, world, now)
  return schedule
}

export function scheduleAt({ kept, firings }: MockSchedule, now: number): Schedule {
  const pattern = readCron(kept.cron)
  return {
    ...kept,
    description: describeCron(kept.cron),
    next_firings: pattern && !kept.paused ? momentsOf(pattern, kept.time_zone, now, Infinity, 10) : [],
    last_firing: firings.find((one) => one.status !== 'waiting') ?? null,
    waiting: firings.filter((one) => isUnderWay(one.status)).length,
  }
}
