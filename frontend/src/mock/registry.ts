import { ENVIRONMENTS, type Environment, type NewScan, type RegistryEntry, type Scan } from '../api/types'
import { json } from './http'
import type { MockModel } from './models'
import type { Handler } from './server'
import type { MockTable } from './tables'

const HOUR = 3_600_000

/** What lies in a bucket, and what of it its table has. */
export interface MockBucket {
  entries: RegistryEntry[]
  known: RegistryEntry[]
  problems: string[]
}

const called = ({ name, version }: RegistryEntry) => `${name}/v${version}`
const tableOf = (environment: Environment) => `local.mlsys_${environment}.model_registry`

function entry(environment: Environment, name: string, version: number, uploaded_at: string, more: Partial<RegistryEntry> = {}): RegistryEntry {
  const size = 40_000 + version * 1_234
  return {
    name,
    version,
    environment,
    bucket: `mlsys-models-${environment}`,
    path: `${name}/v${version}/model.pkl`,
    size,
    uploader: 'mlsys',
    uploaded_at,
    registered_at: uploaded_at,
    metrics: null,
    ...more,
  }
}

function bucketOf(environment: Environment, models: Map<string, MockModel>, now: number): RegistryEntry[] {
  const ours = [...models.values()].flatMap(({ detail, versions }) => {
    const there = versions.filter(({ version }) => environment === 'dev' || detail.environments[environment] === version)
    return there.map(({ version, created_at, metrics }) => entry(environment, detail.name, version, created_at, { metrics }))
  })
  const at = new Date(now - 30 * HOUR).toISOString()
  const theirs = environment === 'dev' ? [entry('dev', 'by-hand', 10, at, { uploader: 'ada', metrics: { accuracy: 0.8 } }), entry('dev', 'by-hand', 11, at, { uploader: null })] : []
  return [...ours, ...theirs].sort((one, other) => one.name.localeCompare(other.name) || one.version - other.version)
}

/** The buckets of all environments; that of dev was scanned before. */
export function makeRegistry(models: Map<string, MockModel>, tables: MockTable[], now: number): Map<Environment, MockBucket> {
  const made = new Map<Environment, MockBucket>()
  for (const environment of ENVIRONMENTS) {
    const problems = environment === 'dev' ? ['by-hand/latest/model.pkl: no {model}/v{N}/model.pkl', 'by-hand/v11/metadata.json: expected `,` or `}` at line 3 column 5'] : []
    made.set(environment, { entries: bucketOf(environment, models, now), known: [], problems })
  }
  const dev = made.get('dev')
  if (dev) {
    const gone = entry('dev', 'by-hand', 9, new Date(now - 200 * HOUR).toISOString(), { uploader: null })
    const before = dev.entries.filter(({ name, version }) => name !== 'by-hand' || version === 10).map((one) => (one.name === 'by-hand' ? { ...one, size: one.size - 900 } : one))
    write(dev, 'dev', [gone, ...before], tables, now - 26 * HOUR)
  }
  return made
}

/** Has the table say what the entries are. */
function write(bucket: MockBucket, environment: Environment, entries: RegistryEntry[], tables: MockTable[], now: number): void {
  bucket.known = entries
  const name = tableOf(environment)
  let table = tables.find((one) => one.name === name)
  if (!table) {
    const types = {
      name: 'string',
      version: 'long',
      environment: 'string',
      bucket: 'string',
      path: 'string',
      size: 'long',
      uploader: 'string',
      uploaded_at: 'timestamp',
      registered_at: 'timestamp',
      metrics: 'string',
    }
    const columns = Object.entries(types).map(([key, type]) => ({
      name: key,
      type,
      nullable: true,
      value: (row: number) => {
        const value = bucket.known[row]?.[key as keyof RegistryEntry] ?? null
        return key === 'metrics' && value !== null ? JSON.stringify(value) : value
      },
    }))
    table = { name, problem: null, columns, versions: [] }
    tables.push(table)
    tables.sort((one, other) => one.name.localeCompare(other.name))
  }
  table.versions.unshift({ version: table.versions.length, at: new Date(now).toISOString(), operation: 'WRITE_TRUNCATE', rows: entries.length, bytes: entries.length * 200, job: null })
}

/** The route of `/model-registry` that the dashboard asks. */
export function registryRoutes(buckets: Map<Environment, MockBucket>, tables: MockTable[]): readonly [string, Handler][] {
  return [
    [
      'POST /model-registry',
      ({ body }) => {
        const { environment, dry_run = false } = body as NewScan
        const bucket = buckets.get(environment) ?? { entries: [], known: [], problems: [] }
        const { entries, known, problems } = bucket
        const before = new Map(known.map((one) => [called(one), one]))
        const added = entries.filter((one) => !before.has(called(one))).map(called)
        const changed = entries.filter((one) => before.has(called(one)) && before.get(called(one))?.size !== one.size).map(called)
        const removed = known.filter((one) => !entries.some((there) => called(there) === called(one))).map(called)
        const written = !dry_run && added.length + changed.length + removed.length > 0
        if (written) write(bucket, environment, entries, tables, Date.now())
        return json({ environment, table: tableOf(environment), versions: entries, added, changed, removed, problems, written } satisfies Scan)
      },
    ],
  ]
}
