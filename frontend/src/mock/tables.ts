import type { TableDetail, TableField, TableSummary, TableVersion } from '../api/types'
import { PROJECTS } from './catalogue'
import { json, page, problem } from './http'
import { seeded } from './random'
import type { Handler } from './server'

const HOUR = 3_600_000
const BYTES_A_ROW = 42

/** A column, and what it has in each row. */
export interface MockColumn extends TableField {
  value: (row: number) => unknown
  /** The first version that has it. */
  since?: number
}

export interface MockTable {
  name: string
  /** Why it can't be read. */
  problem: string | null
  columns: MockColumn[]
  /** Newest first. */
  versions: TableVersion[]
}

function column(name: string, type: string, value: (row: number) => unknown, since?: number): MockColumn {
  return { name, type, nullable: value(3) === null, value, ...(since === undefined ? {} : { since }) }
}

/** The inputs of a model in the catalogue; what may be missing is, in every fourth row. */
function inputsOf(model: string): MockColumn[] {
  const columns = PROJECTS.find((one) => one.model === model)?.columns ?? []
  return columns.map(({ name, type, nullable = false, example }) => {
    const value = (row: number) => {
      if (nullable && row % 4 === 3) return null
      return typeof example === 'number' ? Number((example * (0.5 + seeded(row * 7 + name.length)())).toFixed(type === 'long' ? 0 : 2)) : example
    }
    return { name, type: type === 'datetime' ? 'timestamp' : type, nullable, value }
  })
}

/** Versions of so many added rows, oldest first, written `hours` apart. */
function versions(now: number, hours: number, ...added: readonly [operation: string, rows: number, job?: string][]): TableVersion[] {
  const made = added.map(([operation, rows, job], index) => ({
    version: index,
    at: new Date(now - (added.length - index) * hours * HOUR).toISOString(),
    operation,
    rows,
    bytes: rows * BYTES_A_ROW,
    job: job ?? null,
  }))
  return made.reverse()
}

const STORY = 'Boarded late in the evening with two trunks, a hat box and a letter for a cousin in New York; asked twice whether the lifeboats had been counted, and was told that they had.'

const titanic: MockColumn[] = [
  column('PassengerId', 'long', (row) => row + 1),
  column('Name', 'string', (row) => ['Allen, Miss. Elisabeth', 'Braund, Mr. Owen Harris', 'Cumings, Mrs. John Bradley'][row % 3]),
  ...inputsOf('titanic-survival'),
  column('Notes', 'string', (row) => (row % 4 === 3 ? null : row % 4 === 2 ? '' : STORY), 2),
]

const customers: MockColumn[] = [column('customer_id', 'string', (row) => `C-${String(100_000 + row)}`), ...inputsOf('customer-churn'), column('tags', 'array', (row) => ['loyal', row])]

const scored: MockColumn[] = [
  ...customers,
  column('prediction', 'string', (row) => (row % 5 === 0 ? 'leaves' : 'stays')),
  column('probability', 'double', (row) => Number((0.5 + seeded(row)() / 2).toFixed(4))),
  column('model_version', 'long', () => 2),
]

/** Tables of every kind, by name. */
export function makeTables(now: number): MockTable[] {
  const orders = 'the table has deletion vectors, which mlsys does not read: rewrite it without them, then reload this page'
  return [
    { name: 'acme.legacy.orders', problem: orders, columns: [], versions: [] },
    { name: 'acme.shop.churn_predictions', problem: null, columns: scored, versions: versions(now, 26, ['WRITE', 1_198_004, 'nightly-11'], ['WRITE', 1_204_320, 'nightly-12']) },
    {
      name: 'acme.shop.churn_predictions_rejects',
      problem: null,
      columns: [...customers, column('reason', 'string', () => 'column "plan": the model was not fitted on "trial"')],
      versions: versions(now, 26, ['WRITE', 12, 'nightly-12']),
    },
    { name: 'acme.shop.customers', problem: null, columns: customers, versions: versions(now, 24, ['WRITE_TRUNCATE', 1_198_004], ['WRITE', 6_328]) },
    {
      name: 'local.titanic.passengers',
      problem: null,
      columns: titanic,
      versions: versions(now, 5, ['WRITE', 891], ['WRITE', 418, 'more-passengers'], ['WRITE_TRUNCATE', 1_309]),
    },
    { name: 'local.titanic.waiting_list', problem: null, columns: titanic.slice(0, 3), versions: versions(now, 200, ['WRITE_EMPTY', 0]) },
  ]
}

/** What the versions up to one have together, since the last that replaced everything. */
function sum(table: MockTable, version: number, key: 'rows' | 'bytes'): number {
  const known = table.versions.filter((one) => one.version <= version)
  const last = known.findIndex((one) => one.operation === 'WRITE_TRUNCATE')
  return (last === -1 ? known : known.slice(0, last + 1)).reduce((all, one) => all + (one[key] ?? 0), 0)
}

function columnsAt(table: MockTable, version: number): MockColumn[] {
  return table.columns.filter((one) => (one.since ?? 0) <= version)
}

export function tableAt(table: MockTable, version: number): TableDetail {
  return {
    name: table.name,
    version,
    rows: sum(table, version, 'rows'),
    bytes: sum(table, version, 'bytes'),
    files: 1 + version,
    written_at: table.versions.find((one) => one.version === version)?.at ?? null,
    columns: columnsAt(table, version).map(({ name, type, nullable }) => ({ name, type, nullable })),
    versions: table.versions,
  }
}

function summaryOf(table: MockTable): TableSummary {
  const newest = table.versions[0]
  if (!newest || table.problem !== null) return { name: table.name, version: null, columns: null, rows: null, bytes: null, written_at: null, problem: table.problem }
  const { name, version, columns, rows, bytes, written_at } = tableAt(table, newest.version)
  return { name, version, columns: columns.length, rows, bytes, written_at, problem: null }
}

/** The routes of `/api/tables`. */
export function tableRoutes(tables: MockTable[]): readonly [string, Handler][] {
  const on =
    (run: (table: MockTable, version: number, query: URLSearchParams) => Response): Handler =>
    ({ parts: [name], query }) => {
      const table = tables.find((one) => one.name === name)
      if (!table) return problem(404, 'not_found', `there is no table ${name}: mlsys tables list shows those that there are`)
      if (table.problem !== null) return problem(422, 'unreadable_table', `${name}: ${table.problem}`)
      const version = Number(query.get('version') ?? table.versions[0]?.version)
      if (!table.versions.some((one) => one.version === version)) return problem(404, 'not_found', `${name} has no version ${version}`)
      return run(table, version, query)
    }
  return [
    ['GET /api/tables', ({ query }) => json(page(tables.map(summaryOf), query))],
    ['GET /api/tables/*', on((table, version) => json(tableAt(table, version)))],
    [
      'GET /api/tables/*/sample',
      on((table, version, query) => {
        const columns = columnsAt(table, version)
        const length = Math.min(Number(query.get('rows') ?? 20), sum(table, version, 'rows'))
        return json({ version, columns: columns.map((one) => one.name), rows: Array.from({ length }, (_, row) => columns.map((one) => one.value(row))) })
      }),
    ],
  ]
}
