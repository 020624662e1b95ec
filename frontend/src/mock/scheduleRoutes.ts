import { type BackFill, isUnderWay, type NewSchedule, type Repo, type ScheduleKind, type SchedulePatch, type Work } from '../api/types'
import { type World as BatchWorld, preview } from './batchRoutes'
import { describeCron, momentsOf, readCron } from './cron'
import { json, page, problem } from './http'
import { seeded, uuid7 } from './random'
import { add, type Kept, type MockSchedule, makeFiring, scheduleAt, settle, type World } from './schedules'
import type { Call, Handler } from './server'

interface ScheduleWorld extends World, BatchWorld {
  batches: World['batches']
  tables: World['tables']
  repos: readonly Repo[]
  schedules: MockSchedule[]
}

/** The largest back-fill. */
const MOST = 1_000

function isZone(zone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }))
  } catch {
    return false
  }
}

/** What is wrong with a pattern or its zone. */
function badPattern(cron: string, zone: string): Response | null {
  if (!readCron(cron)) return problem(400, 'bad_cron', `"${cron}" is no cron pattern; it has five fields, minute hour day month weekday, as in 30 2 * * 1-5`)
  return isZone(zone) ? null : problem(400, 'bad_time_zone', `"${zone}" is no time zone; name one as the IANA database does, as in Europe/Berlin, or UTC`)
}

function badPolicies({ overlap, misfire }: Pick<Kept, 'overlap' | 'misfire'>): Response | null {
  if (overlap !== 'replace' || misfire !== 'all') return null
  return problem(400, 'bad_policies', 'overlap replace and misfire all contradict each other: each made up for would end the one before it')
}

/** What makes a work impossible. */
function impossible(work: Work, world: ScheduleWorld): Response | null {
  if (work.kind === 'retention' || work.kind === 'registry_scan') return null
  if (work.kind === 'batch_prediction') {
    const found = preview(work, world)
    return found instanceof Response ? found : null
  }
  const { repo, branch = 'main', notebook_path } = work
  if (!world.repos.some((one) => one.full_name === repo)) return problem(404, 'not_found', `${repo} is not registered: POST /api/repos registers it`)
  if (!notebook_path.endsWith('.ipynb')) return problem(400, 'bad_notebook_path', 'notebook_path must be the path of an .ipynb file in the repository')
  if (/[\s~^:?*[\\{]|\.\.|^[-/]|^$/.test(branch)) return problem(422, 'bad_branch', 'branch must be the name of a branch')
  // Others than main are there if something of them ran.
  if (branch === 'main' || world.pipelines.some((one) => one.repo === repo && one.branch === branch)) return null
  return problem(422, 'unknown_branch', `${repo} has no branch ${branch}`)
}

function defaultName(work: Work): string {
  if (work.kind === 'retention') return 'retention'
  if (work.kind === 'registry_scan') return `registry-scan-${work.environment}`
  if (work.kind === 'batch_prediction') return `${work.model_name}-predictions-${work.environment}`
  const stem = work.notebook_path.replace(/^.*\//, '').replace(/\.ipynb$/, '')
  return `${work.repo.split('/')[1]}-${stem.replace(/[^\w.-]/gu, '-')}-retraining`
}

function create(body: NewSchedule, world: ScheduleWorld, now: number): Response {
  const { work, cron, time_zone = 'UTC', overlap = 'skip', misfire = 'once', paused = false } = body
  const name = body.name ?? defaultName(work)
  if (!/^[\w.-]{1,128}$/.test(name)) return problem(400, 'bad_name', "a schedule's name has 1 to 128 letters, digits, '-', '_' or '.'")
  const wrong = badPattern(cron, time_zone) ?? badPolicies({ overlap, misfire }) ?? impossible(work, world)
  if (wrong) return wrong
  if (world.schedules.some(({ kept }) => kept.name === name)) return problem(409, 'name_taken', `another schedule is called ${name}; choose another name, or change that one`)
  const at = new Date(now).toISOString()
  const id = uuid7(now, seeded(now))
  const made = { kept: { id, name, work, cron, time_zone, overlap, misfire, paused, created_by: world.access.me?.name ?? null, created_at: at, changed_at: at, source: null }, firings: [], seen: now }
  world.schedules.push(made)
  world.schedules.sort((one, other) => one.kept.name.localeCompare(other.kept.name))
  return json(scheduleAt(made, now), 201)
}

/** What a work is about, and stays about. */
function subject(work: Work): string {
  return [work.kind, work.kind === 'batch_prediction' ? work.model_name : '', work.kind === 'retraining' ? work.repo : ''].join(' ')
}

function change(schedule: MockSchedule, body: SchedulePatch, world: ScheduleWorld, now: number): Response {
  const { kept } = schedule
  if (kept.source && Object.keys(body).some((name) => name !== 'paused'))
    return problem(409, 'declared_by_file', `${kept.source.path} of ${kept.source.repo} declares this schedule: change it there and push`)
  const given: Partial<Kept> = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))
  const wanted = { ...kept, ...given }
  const wrong = badPattern(wanted.cron, wanted.time_zone) ?? badPolicies(wanted)
  if (wrong) return wrong
  if (subject(wanted.work) !== subject(kept.work)) return problem(400, 'another_work', 'a schedule stays with its kind, and with its model or repository; make another one')
  const hindrance = given.work ? impossible(given.work, world) : null
  if (hindrance) return hindrance
  Object.assign(kept, given, { changed_at: new Date(now).toISOString() })
  return json(scheduleAt(schedule, now))
}

function backfill(schedule: MockSchedule, { from, to, dry_run = false }: BackFill, now: number): Response {
  const { kept, firings } = schedule
  const [begin, end] = [Date.parse(from), Math.min(Date.parse(to), now)]
  if (begin >= Date.parse(to) || begin >= now) return problem(400, 'bad_range', 'from must be before to, and in the past')
  const pattern = readCron(kept.cron)
  const all = pattern ? momentsOf(pattern, kept.time_zone, begin, end, MOST + 1) : []
  if (all.length > MOST) return problem(400, 'too_many_firings', `that are more than ${MOST} firings; choose a shorter range`)
  const fired = new Map(firings.filter((one) => one.cause !== 'manual').map((one) => [one.scheduled_for, one]))
  const isWanted = (at: string) => ['skipped', 'failed', 'cancelled', undefined].includes(fired.get(at)?.status)
  const wanted = all.filter(isWanted)
  if (!dry_run) {
    for (const at of wanted) {
      const [again, made] = [fired.get(at), makeFiring(kept.id, at, 'backfill', now)]
      // What was left out or ended badly is wanted now, and stays the same firing.
      if (again) Object.assign(again, made, { id: again.id, created_at: again.created_at })
      else add(schedule, made)
    }
  }
  return json({ firings: wanted.length, first: wanted[0] ?? null, last: wanted.at(-1) ?? null }, dry_run ? 200 : 202)
}

function cancel(schedule: MockSchedule, world: ScheduleWorld, now: number): Response {
  const under = schedule.firings.filter((one) => isUnderWay(one.status))
  const finished_at = new Date(now).toISOString()
  for (const firing of under) {
    Object.assign(firing, { status: 'cancelled', finished_at })
    const batch = world.batches.find((one) => one.id === firing.batch_id)
    if (batch) Object.assign(batch, { status: 'cancelled', finished_at })
  }
  return json({ cancelled: under.length })
}

/** The routes of `/api/schedules`. */
export function scheduleRoutes(world: ScheduleWorld): readonly [string, Handler][] {
  const on =
    (run: (schedule: MockSchedule, call: Call, now: number) => Response): Handler =>
    (call) => {
      const schedule = world.schedules.find((one) => one.kept.id === call.parts[0])
      const now = Date.now()
      return schedule ? run(settle(schedule, world, now), call, now) : problem(404, 'not_found', 'there is no schedule of this id')
    }
  return [
    [
      'GET /api/schedules',
      ({ query }) => {
        const now = Date.now()
        const [kind, model] = [query.get('kind') as ScheduleKind | null, query.get('model')]
        const found = world.schedules.filter(({ kept: { work } }) => (!kind || work.kind === kind) && (!model || (work.kind === 'batch_prediction' && work.model_name === model)))
        return json(
          page(
            found.map((one) => scheduleAt(settle(one, world, now), now)),
            query,
          ),
        )
      },
    ],
    ['POST /api/schedules', ({ body }) => create(body as NewSchedule, world, Date.now())],
    [
      'GET /api/schedules/next',
      ({ query }) => {
        const [cron, zone] = [query.get('cron') ?? '', query.get('time_zone') ?? 'UTC']
        const pattern = readCron(cron)
        const wrong = badPattern(cron, zone)
        if (wrong || !pattern) return wrong ?? json(null)
        const count = Math.min(100, Number(query.get('count') ?? 10))
        return json({ description: describeCron(cron), next_firings: momentsOf(pattern, zone, Date.now(), Infinity, count) })
      },
    ],
    ['GET /api/schedules/*', on((schedule, _, now) => json(scheduleAt(schedule, now)))],
    ['PATCH /api/schedules/*', on((schedule, { body }, now) => change(schedule, body as SchedulePatch, world, now))],
    [
      'DELETE /api/schedules/*',
      on((schedule) => {
        world.schedules.splice(world.schedules.indexOf(schedule), 1)
        return json(null, 204)
      }),
    ],
    ['POST /api/schedules/*/run', on((schedule, _, now) => json(add(schedule, makeFiring(schedule.kept.id, new Date(now).toISOString(), 'manual', now)), 202))],
    ['POST /api/schedules/*/backfill', on((schedule, { body }, now) => backfill(schedule, body as BackFill, now))],
    ['POST /api/schedules/*/cancel', on((schedule, _, now) => cancel(schedule, world, now))],
    ['GET /api/schedules/*/firings', on(({ firings }, { query }) => json(page(firings, query)))],
  ]
}
