import type { DataRead, DeploymentEvent, Environment, ModelDetail, ModelManifest, PipelineDetail, TrafficCandidate, VersionDetail } from '../api/types'
import { PROJECTS, type Project } from './catalogue'
import { hex, seeded } from './random'
import { Counters } from './traffic'

export interface MockModel {
  detail: ModelDetail
  versions: VersionDetail[]
  history: DeploymentEvent[]
  /** What is tried beside the deployed versions. */
  candidates: Partial<Record<Environment, TrafficCandidate>>
  /** What the model-servers have counted. */
  counters: Counters
}

/** The catalogue's example, and one in which what may be missing is. */
function exampleRows(project: Project): unknown[][] {
  const rows = [(column: Project['columns'][number]) => column.example, (column: Project['columns'][number]) => (column.nullable ? null : column.example)]
  return rows.map((cell) => project.columns.map(cell))
}

function manifestOf(project: Project, version: number): ModelManifest {
  const random = seeded(version * 31)
  const python = project.model === 'customer-churn'
  return {
    format: 1,
    model_name: project.model,
    declared_version: `0.${version}.0`,
    task: project.task,
    classes: project.classes,
    columns: null,
    signature: {
      kind: 'columns',
      columns: project.columns.map(({ name, type, nullable = false }) => ({ name, type, required: true, nullable })),
    },
    flavour: python ? 'python' : 'onnx',
    native: null,
    native_reason: 'SimpleImputer of text',
    onnx: python ? null : { variant: 'float32', layout: 'columns', output: 'output_label', rows_verified: 714, max_difference: 0.0000021 },
    onnx_reason: python ? 'HistGradientBoostingClassifier has no verified conversion.' : null,
    input_example: { columns: project.columns.map((column) => column.name), data: exampleRows(project) },
    expected_output: project.expected,
    files: {
      MLmodel: { sha256: hex(random, 64), size: 1_204 },
      'model.pkl': { sha256: hex(random, 64), size: 184_220 },
      ...(python ? {} : { 'model.onnx': { sha256: hex(random, 64), size: 96_512 } }),
      'requirements.txt': { sha256: hex(random, 64), size: 88 },
    },
    environment: null,
    python_version: '3.12.4',
    libraries: { 'scikit-learn': '1.6.1', pandas: '2.2.3', numpy: '2.1.2' },
  }
}

function versionOf(project: Project, pipeline: PipelineDetail, version: number): VersionDetail {
  const manifest = manifestOf(project, version)
  return {
    version,
    declared_version: pipeline.declared_version,
    pipeline_id: pipeline.id,
    delivery_id: pipeline.delivery_id,
    repo: pipeline.repo,
    commit_sha: pipeline.commit_sha,
    notebook_path: pipeline.notebook_path,
    mlflow_run_id: pipeline.mlflow_run_id,
    metrics: pipeline.metrics,
    flavour: manifest.flavour,
    uri: `models:/${project.model}/${version}`,
    sha256: hex(seeded(version * 77), 64),
    created_at: pipeline.finished_at ?? pipeline.created_at,
    environments: [],
    reads: project.model === 'titanic-survival' ? readsOf(pipeline.created_at) : [],
    manifest,
    links: {
      ...pipeline.links,
      mlflow_version: `http://127.0.0.1:5000/#/models/${project.model}/versions/${version}`,
      provenance: `/api/models/${project.model}/versions/${version}/provenance`,
    },
  }
}

/** Of a table that there is, and of one of BigQuery. */
function readsOf(at: string): DataRead[] {
  const passengers = { table: 'local.titanic.passengers', version: '1' }
  return [
    { query: 'SELECT Age, Sex, Pclass, Fare, Embarked, Survived\nFROM local.titanic.passengers\nWHERE Survived IS NOT NULL', tables: [passengers], rows: 891, at },
    {
      query: 'SELECT p.*, f.rate FROM local.titanic.passengers p JOIN `shop-prod.finance.rates` f USING (Embarked)',
      tables: [passengers, { table: 'shop-prod.finance.rates', version: 'q1TfJ0mC5sZ4bA==' }],
      rows: 1_309,
      at,
    },
  ]
}

function historyOf(versions: readonly VersionDetail[]): DeploymentEvent[] {
  const [newest, second, third] = versions
  const events: DeploymentEvent[] = []
  const add = (environment: Environment, version: VersionDetail | undefined, cause: DeploymentEvent['cause'], ended: string | null) => {
    if (!version) return
    events.push({ generation: events.length + 1, environment, version: version.version, deployed_at: version.created_at, ended_at: ended, cause })
  }
  add('dev', third, 'push', second?.created_at ?? null)
  add('staging', third, 'promotion', null)
  add('prod', third, 'promotion', null)
  add('dev', second, 'push', newest?.created_at ?? null)
  add('dev', newest, 'push', null)
  return events.reverse()
}

/** The models that the succeeded pipelines made. */
export function makeModels(pipelines: readonly PipelineDetail[]): Map<string, MockModel> {
  const models = new Map<string, MockModel>()
  for (const project of PROJECTS) {
    const versions = pipelines
      .filter((pipeline) => pipeline.model_name === project.model && pipeline.registry_version !== null)
      .map((pipeline) => versionOf(project, pipeline, pipeline.registry_version ?? 1))
    const newest = versions[0]
    if (!newest) continue
    const history = historyOf(versions)
    const detail: ModelDetail = {
      name: project.model,
      owner: newest.repo,
      latest_version: newest.version,
      versions: versions.length,
      environments: {},
      deployed_at: {},
      updated_at: newest.created_at,
      deployments: [],
    }
    const model: MockModel = { detail, versions, history, candidates: {}, counters: new Counters() }
    models.set(project.model, model)
    settle(model)
  }
  return models
}

/** Brings what is said about environments in line with the history. */
export function settle({ detail, versions, history }: MockModel): void {
  const present = history.filter((event) => event.ended_at === null)
  detail.environments = Object.fromEntries(present.map((event) => [event.environment, event.version]))
  detail.deployed_at = Object.fromEntries(present.map((event) => [event.environment, event.deployed_at]))
  detail.deployments = present.map((event) => ({
    environment: event.environment,
    version: event.version,
    deployed_at: event.deployed_at,
    rollback_to: history.find((past) => past.environment === event.environment && past.ended_at !== null && past.version !== event.version)?.version ?? null,
  }))
  for (const version of versions) {
    version.environments = present.filter((event) => event.version === version.version).map((event) => event.environment)
  }
}
