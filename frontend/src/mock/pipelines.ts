import { PHASES, type PhaseRecord, type PipelineDetail, type PipelineStatus } from '../api/types'
import { PROJECTS, type Project } from './catalogue'
import { hex, seeded, uuid7 } from './random'

const SECONDS = { download: 2, validate: 1, execute: 40, register: 3, deploy: 6 } as const

type Kind = PipelineStatus | 'not-deployed' | 'invalid'

const kinds: readonly Kind[] = [
  'running',
  'queued',
  'succeeded',
  'failed',
  'not-deployed',
  'succeeded',
  'invalid',
  'cancelled',
  'succeeded',
  'skipped',
  'succeeded',
  'succeeded',
  'failed',
  'succeeded',
  'not-deployed',
  'succeeded',
]

function phasesOf(kind: Kind, created: number): PhaseRecord[] {
  const reached = { running: 2, queued: -1, failed: 2, invalid: 1, cancelled: 2, skipped: 1, succeeded: 5, 'not-deployed': 5 }[kind]
  let at = created + 400
  return PHASES.map((name, index) => {
    const started = at
    const ended = started + SECONDS[name] * 1_000
    const pending: PhaseRecord = { name, status: 'pending', started_at: null, finished_at: null, attempt: 0, error: null }
    if (index > reached) return kind === 'queued' || kind === 'running' ? pending : { ...pending, status: 'skipped' }
    at = ended + 30
    const record: PhaseRecord = {
      name,
      status: 'succeeded',
      started_at: new Date(started).toISOString(),
      finished_at: new Date(ended).toISOString(),
      attempt: name === 'execute' && kind === 'failed' ? 2 : 1,
      error: null,
    }
    if (index < reached) return record
    if (kind === 'running') return { ...record, status: 'running', finished_at: null }
    if (kind === 'failed') return { ...record, status: 'failed', error: 'Cell 6 failed: ValueError: could not convert string to float: "n/a"' }
    if (kind === 'invalid') return { ...record, status: 'failed', error: 'The notebook breaks the contract in 2 places.' }
    return { ...record, status: kind === 'cancelled' ? 'failed' : 'succeeded' }
  })
}

function metricsOf(project: Project, random: () => number): Record<string, number | null> {
  const value = (name: string) => (name === 'rmse' || name === 'mae' ? 20_000 + random() * 9_000 : 0.76 + random() * 0.18)
  return Object.fromEntries(project.metrics.map((name) => [name, Number(value(name).toFixed(4))]))
}

const reasons: Partial<Record<Kind, string>> = {
  failed: 'Cell 6 failed: ValueError: could not convert string to float: "n/a"',
  invalid: 'The notebook breaks the contract in 2 places.',
  cancelled: 'A person cancelled it.',
  skipped: 'The notebook has no mlops: tags.',
  'not-deployed': 'The gate did not hold, so the model is registered and not deployed.',
}

/** One pipeline of a kind, made at a time. */
export function makePipeline(kind: Kind, project: Project, created: number, seed: number, version: number): PipelineDetail {
  const random = seeded(seed)
  const done = kind === 'succeeded' || kind === 'not-deployed'
  const phases = phasesOf(kind, created)
  const commit = hex(random, 40)
  const ended = kind === 'queued' || kind === 'running' ? null : (phases.findLast((phase) => phase.finished_at)?.finished_at ?? null)
  const run = done || kind === 'failed' ? hex(random, 32) : null
  const metrics = done ? metricsOf(project, random) : {}
  return {
    // Not from the present time: an address stays good when the page is loaded again.
    id: uuid7(1_790_000_000_000 - seed * 60_000, random),
    repo: project.repo,
    branch: seed % 5 === 3 ? 'feature/more-columns' : 'main',
    commit_sha: commit,
    notebook_path: project.notebook,
    model_name: kind === 'skipped' || kind === 'queued' ? null : project.model,
    declared_version: kind === 'skipped' || kind === 'queued' ? null : `0.${version}.0`,
    registry_version: done ? version : null,
    status: kind === 'not-deployed' ? 'succeeded' : kind === 'invalid' ? 'failed' : kind,
    deployed: kind === 'succeeded',
    reason: reasons[kind] ?? null,
    phases,
    metrics,
    parameters: seed % 4 === 1 ? { test_size: 0.25 } : {},
    mlflow_run_id: run,
    created_at: new Date(created).toISOString(),
    started_at: kind === 'queued' ? null : new Date(created + 400).toISOString(),
    finished_at: ended,
    manual: seed % 4 === 1,
    delivery_id: seed % 4 === 1 ? null : hex(random, 12),
    log_lines: 0,
    gates: done
      ? project.gates.map((gate, index) => {
          const passed = kind === 'succeeded' || index > 0
          return { gate, passed, explanation: passed ? `${gate} holds.` : `${gate} does not hold: it would have had to.` }
        })
      : [],
    champion: done && version > 1 ? { version: version - 1, metrics: metricsOf(project, seeded(seed + 900)) } : null,
    links: {
      commit: project.repo.startsWith('local/') ? null : `https://github.com/${project.repo}/commit/${commit}`,
      mlflow_run: run && `http://127.0.0.1:5000/#/experiments/1/runs/${run}`,
    },
  }
}

/** Forty pipelines in all states, newest first. */
export function makePipelines(now: number, count = 40): PipelineDetail[] {
  const versions = new Map<string, number>()
  const made: PipelineDetail[] = []
  for (let index = count - 1; index >= 0; index -= 1) {
    const project = PROJECTS[index % PROJECTS.length]
    const kind = index < 2 ? kinds[index] : kinds[2 + ((index - 2) % (kinds.length - 2))]
    if (!project || !kind) continue
    const done = kind === 'succeeded' || kind === 'not-deployed'
    const version = (versions.get(project.model) ?? 0) + 1
    if (done) versions.set(project.model, version)
    // The newest are minutes old, the oldest two weeks.
    const age = index < 2 ? 12_000 - index * 6_000 : (index - 1) ** 2.2 * 370_000
    made.unshift(makePipeline(kind, project, now - age, index + 7, version))
  }
  return made
}
