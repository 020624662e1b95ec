import type { ApiProblem } from '../api/problem'
import { ENVIRONMENTS, type Environment, type ModelSummary, type NewBatchPrediction, type OnReject, type WriteDisposition } from '../api/types'
import { nameIn, readName } from '../tables/name'

/** A batch prediction as it is typed. */
export interface Draft {
  model: string
  /** Null: where the model serves, nearest to production. */
  environment: Environment | null
  /** Empty: the version that is deployed there. */
  version: string
  input: string
  /** Null: named after the input. */
  output: string | null
  disposition: WriteDisposition
  /** The input's columns that go through; null: all. */
  columns: readonly string[] | null
  reject: OnReject
}

export type Field = 'model' | 'version' | 'input' | 'output' | 'columns'
export type Problems = Partial<Record<Field, string>>

export function draftOf(input: string): Draft {
  return { model: '', environment: null, version: '', input, output: null, disposition: 'WRITE_APPEND', columns: null, reject: 'table' }
}

/** The environment that is asked: the chosen one, or where the model serves, nearest to production. */
export function environmentOf(draft: Draft, deployed: ModelSummary['environments'] | undefined): Environment {
  return draft.environment ?? ENVIRONMENTS.findLast((one) => deployed?.[one] !== undefined) ?? 'prod'
}

/** The output's name as it is typed, or as the input's suggests. */
export function outputOf({ input, output }: Pick<Draft, 'input' | 'output'>): string {
  const named = nameIn(input)
  return output ?? (named === null ? '' : `${named}_predictions`)
}

function tableProblem(text: string, empty: string): string | undefined {
  const read = readName(text)
  if (read === null) return empty
  return 'problem' in read ? read.problem : undefined
}

/** What has to be corrected before anything is asked. */
export function problemsOf(draft: Draft): Problems {
  const problems: [Field, string | undefined][] = [
    ['model', draft.model.trim() === '' ? 'Choose a model.' : undefined],
    ['version', /^\s*([1-9]\d*)?\s*$/.test(draft.version) ? undefined : 'Write a whole number, or nothing for the deployed version.'],
    ['input', tableProblem(draft.input, 'Choose the table to score.')],
    ['output', tableProblem(outputOf(draft), 'Name the table to write.')],
    ['columns', draft.columns?.length === 0 ? 'Choose a column at least, or all.' : undefined],
  ]
  return Object.fromEntries(problems.filter(([, problem]) => problem !== undefined))
}

/** What is asked for. The draft has no problems. */
export function bodyOf(draft: Draft, environment: Environment): NewBatchPrediction {
  return {
    model_name: draft.model.trim(),
    environment,
    version: draft.version.trim() === '' ? null : Number(draft.version),
    input_table: nameIn(draft.input) ?? '',
    output_table: nameIn(outputOf(draft)) ?? '',
    write_disposition: draft.disposition,
    id_columns: draft.columns && [...draft.columns],
    on_reject: draft.reject,
  }
}

/** Whether a text has a name in it, and not only as a part of another one. */
export function mentions(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const isPart = /[\p{L}\p{N}_-]\.?$/u.test(text.slice(0, at)) || /^\.?[\p{L}\p{N}_-]/u.test(text.slice(at + name.length))
    if (!isPart) return true
  }
  return false
}

/** Whether a refusal is about what was asked for, and not about who asks or about the server. */
export function isAboutRequest({ status }: ApiProblem): boolean {
  return status >= 400 && status < 500 && status !== 401 && status !== 403 && status !== 429
}

/** The field that a refusal is about, if it names what one of them has. */
export function fieldOf(problem: ApiProblem, body: NewBatchPrediction): Field | null {
  if (!isAboutRequest(problem)) return null
  const { detail } = problem
  if (mentions(detail, body.output_table)) return 'output'
  if (mentions(detail, body.input_table)) return 'input'
  if (body.id_columns && /id_columns/.test(detail)) return 'columns'
  if (body.version && mentions(detail, `version ${body.version}`)) return 'version'
  return mentions(detail, body.model_name) ? 'model' : null
}
