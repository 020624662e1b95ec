import type { ApiProblem } from '../api/problem'
import type { Environment, Misfire, NewSchedule, Overlap, Schedule, ScheduleKind, SchedulePatch, Work } from '../api/types'
import { type Field as BatchField, fieldOf as batchFieldOf, bodyOf, type Draft, draftOf, isAboutRequest, mentions, problemsOf as problemsOfBatch } from '../batch/form'
import { PRESETS } from './words'
import { type WholeBatch, type WholeRetraining, wholeWork } from './work'

/** A schedule as it is typed. What other kinds take stays, so that choosing one for a moment loses nothing. */
export interface ScheduleDraft {
  kind: ScheduleKind
  /** Null: named after its work. */
  name: string | null
  batch: Draft
  repo: string
  branch: string
  notebook: string
  /** JSON, or nothing. */
  parameters: string
  /** Whose bucket is looked through. */
  scanned: Environment
  cron: string
  zone: string
  overlap: Overlap
  misfire: Misfire
  paused: boolean
}

export type ScheduleField = BatchField | 'name' | 'repo' | 'branch' | 'notebook' | 'parameters' | 'cron' | 'zone' | 'misfire'
export type ScheduleProblems = Partial<Record<ScheduleField, string>>

export function newDraft(zone: string): ScheduleDraft {
  const cron = PRESETS[1]?.cron ?? '@daily'
  return {
    kind: 'batch_prediction',
    name: null,
    batch: draftOf(''),
    repo: '',
    branch: 'main',
    notebook: '',
    parameters: '',
    scanned: 'dev',
    cron,
    zone,
    overlap: 'skip',
    misfire: 'once',
    paused: false,
  }
}

function batchDraft({ model_name, environment, version, input_table, output_table, write_disposition, id_columns, on_reject }: WholeBatch): Draft {
  return {
    model: model_name,
    environment,
    version: version === null ? '' : String(version),
    input: input_table,
    output: output_table,
    disposition: write_disposition,
    columns: id_columns,
    reject: on_reject,
  }
}

function retrainingDraft({ repo, branch, notebook_path, parameters }: WholeRetraining) {
  return { repo, branch, notebook: notebook_path, parameters: Object.keys(parameters).length === 0 ? '' : JSON.stringify(parameters, null, 2) }
}

/** The form of a schedule that there is. */
export function draftOfSchedule({ name, work: given, cron, time_zone, overlap, misfire, paused }: Schedule): ScheduleDraft {
  const work = wholeWork(given)
  return {
    ...newDraft(time_zone),
    ...(work.kind === 'batch_prediction' ? { batch: batchDraft(work) } : {}),
    ...(work.kind === 'retraining' ? retrainingDraft(work) : {}),
    ...(work.kind === 'registry_scan' ? { scanned: work.environment } : {}),
    kind: work.kind,
    name,
    cron,
    overlap,
    misfire,
    paused,
  }
}

/** How many letters of a notebook's name become part of a schedule's. */
const STEM_MAX = 60

/** The name as it is typed, or what the backend calls a schedule of this work. */
export function nameOf({ kind, name, batch, repo, notebook, scanned }: ScheduleDraft, environment: Environment): string {
  if (name !== null) return name
  if (kind === 'retention') return 'retention'
  if (kind === 'registry_scan') return `registry-scan-${scanned}`
  if (kind === 'batch_prediction') return batch.model.trim() === '' ? '' : `${batch.model.trim()}-predictions-${environment}`
  const owned = repo.trim().split('/')[1] ?? ''
  const stem = Array.from((notebook.trim().split('/').at(-1) ?? '').replace(/\.ipynb$/, '')).slice(0, STEM_MAX)
  if (owned === '' || stem.length === 0) return ''
  return `${owned}-${stem.map((letter) => (/[\w.-]/.test(letter) ? letter : '-')).join('')}-retraining`
}

type Parameters = { value: Record<string, unknown> } | { problem: string }

/** The parameters that a text in JSON means; an empty one means none. */
export function parametersIn(text: string): Parameters {
  if (text.trim() === '') return { value: {} }
  const problem = 'Write an object in JSON, with names in double quotes: {"epochs": 20}.'
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { value: value as Record<string, unknown> } : { problem }
  } catch {
    return { problem }
  }
}

function retrainingProblems({ repo, branch, notebook, parameters }: ScheduleDraft): [ScheduleField, string | undefined][] {
  const read = parametersIn(parameters)
  return [
    ['repo', repo.trim() === '' ? 'Choose a repository.' : /^[\w.-]+\/[\w.-]+$/.test(repo.trim()) ? undefined : 'Write its full name: owner/name.'],
    ['branch', branch.trim() === '' ? 'Name the branch.' : undefined],
    ['notebook', notebook.trim() === '' ? 'Write the notebook’s path in the repository.' : undefined],
    ['parameters', 'problem' in read ? read.problem : undefined],
  ]
}

function nameProblem(draft: ScheduleDraft, environment: Environment): string | undefined {
  const name = nameOf(draft, environment)
  // Named after a work that is not typed yet: what is missing there is said there.
  if (name.trim() === '') return draft.name === null ? undefined : 'Name the schedule.'
  return /^[\w.-]{1,128}$/.test(name.trim()) ? undefined : 'Use up to 128 of the letters A to Z, digits, “-”, “_” and “.”.'
}

/** What can't be chosen together. */
export function policyProblems({ overlap, misfire }: Pick<ScheduleDraft, 'overlap' | 'misfire'>): ScheduleProblems {
  return overlap === 'replace' && misfire === 'all' ? { misfire: 'Each that is made up for would end the one before it: choose another one, or let the new one wait.' } : {}
}

/** What has to be corrected before anything is asked. */
export function problemsOf(draft: ScheduleDraft, environment: Environment): ScheduleProblems {
  const problems: [ScheduleField, string | undefined][] = [
    ...(draft.kind === 'retraining' ? retrainingProblems(draft) : []),
    ['name', nameProblem(draft, environment)],
    ['cron', draft.cron.trim() === '' ? 'Write a pattern of five fields, or choose one.' : undefined],
  ]
  return { ...(draft.kind === 'batch_prediction' ? problemsOfBatch(draft.batch) : {}), ...Object.fromEntries(problems.filter(([, problem]) => problem !== undefined)) }
}

/** The work that is asked for; `before` is the work that is changed, which may have what the form does not show. The draft has no problems. */
export function workOf(draft: ScheduleDraft, environment: Environment, before?: Work): Work {
  if (draft.kind === 'retention') return { kind: 'retention' }
  if (draft.kind === 'registry_scan') return { kind: 'registry_scan', environment: draft.scanned }
  if (draft.kind === 'retraining') {
    const read = parametersIn(draft.parameters)
    return { kind: 'retraining', repo: draft.repo.trim(), branch: draft.branch.trim(), notebook_path: draft.notebook.trim(), parameters: 'value' in read ? read.value : {} }
  }
  const names = before?.kind === 'batch_prediction' ? before.names : undefined
  return { kind: 'batch_prediction', ...bodyOf(draft.batch, environment), ...(names ? { names } : {}) }
}

/** What makes the schedule. */
export function newSchedule(draft: ScheduleDraft, environment: Environment): NewSchedule {
  const { cron, zone, overlap, misfire, paused } = draft
  return { name: nameOf(draft, environment).trim(), work: workOf(draft, environment), cron: cron.trim(), time_zone: zone, overlap, misfire, paused }
}

/** Whether two values are the same in JSON, whatever the order of their names. */
function isSame(one: unknown, other: unknown): boolean {
  const sorted = (value: unknown) =>
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'object' && part !== null && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1))) : part,
    )
  return sorted(one) === sorted(other)
}

/** What differs from the schedule as it is; pausing is a button of its own. */
export function patchOf(schedule: Schedule, draft: ScheduleDraft, environment: Environment): SchedulePatch {
  const { work, cron, time_zone, overlap, misfire } = schedule
  const wanted = { cron: draft.cron.trim(), time_zone: draft.zone, overlap: draft.overlap, misfire: draft.misfire, work: workOf(draft, environment, work) }
  const present: Record<string, unknown> = { cron, time_zone, overlap, misfire, work: wholeWork(work) }
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => !isSame(value, present[key])))
}

const CODES: Record<string, ScheduleField> = {
  bad_cron: 'cron',
  bad_time_zone: 'zone',
  bad_name: 'name',
  name_taken: 'name',
  bad_policies: 'misfire',
  bad_branch: 'branch',
  unknown_branch: 'branch',
  bad_notebook_path: 'notebook',
}

/** The field that a refusal is about, by its code or by what it names. */
export function fieldOf(problem: ApiProblem, work: Work): ScheduleField | null {
  const coded = CODES[problem.code]
  if (coded) return coded
  if (!isAboutRequest(problem)) return null
  if (work.kind === 'batch_prediction') return batchFieldOf(problem, work)
  return work.kind === 'retraining' && mentions(problem.detail, work.repo) ? 'repo' : null
}
