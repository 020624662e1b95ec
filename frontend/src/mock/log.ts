import type { LogLine, PhaseName, PipelineDetail } from '../api/types'

/** The newest succeeded pipeline has a log of this length, to see how the dashboard bears it. */
const LONG = 200_000

interface Script {
  phase: PhaseName
  cell: number | null
  stream: LogLine['stream']
  text: string
  data?: unknown
}

const before: readonly Script[] = [
  { phase: 'download', cell: null, stream: 'system', text: 'Fetching the tree at the pushed commit' },
  { phase: 'download', cell: null, stream: 'system', text: '34 files, 1.2 MB' },
  { phase: 'validate', cell: null, stream: 'system', text: 'Checking the contract' },
  { phase: 'validate', cell: null, stream: 'system', text: 'The notebook keeps the contract: 8 cells, 7 tags' },
  { phase: 'execute', cell: null, stream: 'system', text: 'Kernel ready after 0.1 s' },
  { phase: 'execute', cell: 2, stream: 'stdout', text: '(891, 12) rows and columns' },
  { phase: 'execute', cell: 2, stream: 'stderr', text: '\u001b[33mDtypeWarning\u001b[0m: Columns (10) have mixed types.' },
  { phase: 'execute', cell: 3, stream: 'display', text: '<table: 5 rows × 12 columns>' },
]

const after: readonly Script[] = [
  { phase: 'execute', cell: 5, stream: 'stdout', text: 'accuracy \u001b[1;32m0.812\u001b[0m, roc_auc \u001b[1;32m0.861\u001b[0m' },
  { phase: 'execute', cell: 6, stream: 'system', text: 'Converted model verified on 714 rows, largest difference 2.1e-6' },
  { phase: 'register', cell: null, stream: 'system', text: 'Registered the next version' },
  { phase: 'deploy', cell: null, stream: 'system', text: 'All gates hold' },
  { phase: 'deploy', cell: null, stream: 'system', text: 'Self-test passed in 3 ms; the new version serves' },
]

const failure: readonly Script[] = [
  { phase: 'execute', cell: 5, stream: 'error', text: '\u001b[0;31mValueError\u001b[0m: could not convert string to float: "n/a"' },
  { phase: 'execute', cell: null, stream: 'system', text: 'The run failed in cell 6' },
]

const violations: readonly Script[] = [
  { cell: 1, line: 2, text: 'MODEL_NAME = make_name()', problem: 'MODEL_NAME is not a plain literal.', fix: 'Write the text itself: MODEL_NAME = "churn"' },
  { cell: null, line: null, text: null, problem: 'No cell is tagged mlops:export.', fix: 'Tag the cell that writes the model with mlops:export.' },
].map((violation) => ({ phase: 'validate', cell: violation.cell, stream: 'error', text: `${violation.problem} ${violation.fix}`, data: { violation } }))

function training(index: number): Script {
  const epoch = index + 1
  const bar = '█'.repeat(epoch % 21).padEnd(20, '░')
  if (epoch % 97 === 0) {
    return { phase: 'execute', cell: 4, stream: 'stderr', text: '\u001b[38;5;208mConvergenceWarning\u001b[0m: the solver needs more iterations; scale the data or raise max_iter.' }
  }
  if (epoch % 250 === 0) {
    return {
      phase: 'execute',
      cell: 4,
      stream: 'stdout',
      text: `weights ${Array.from({ length: 400 }, (_, weight) => ((weight * epoch) % 97) / 97)
        .map((weight) => weight.toFixed(4))
        .join(' ')}`,
    }
  }
  return { phase: 'execute', cell: 4, stream: 'stdout', text: `epoch ${epoch} \u001b[36m${bar}\u001b[0m loss \u001b[1m${(1 / (1 + epoch / 40)).toFixed(5)}\u001b[0m` }
}

/** What a pipeline has logged up to now. */
export class MockLog {
  private readonly pipeline: PipelineDetail
  private readonly long: boolean

  constructor(pipeline: PipelineDetail, long: boolean) {
    this.pipeline = pipeline
    this.long = long
  }

  length(now: number): number {
    const { status, phases, started_at, finished_at } = this.pipeline
    if (started_at === null) return 0
    if (status === 'running') return Math.min(LONG, before.length + Math.floor((now - Date.parse(started_at)) / 60))
    if (phases[1]?.status === 'failed') return 3 + violations.length
    if (status === 'skipped' || finished_at === null) return 4
    if (status === 'cancelled') return before.length + 120
    return before.length + this.trained() + (status === 'failed' ? failure.length : after.length)
  }

  line(seq: number): LogLine {
    const script = this.script(seq - 1)
    const start = Date.parse(this.pipeline.started_at ?? this.pipeline.created_at)
    const at = new Date(start + seq * (this.long ? 0.2 : 60)).toISOString()
    return { seq, at, phase: script.phase, cell: script.cell, stream: script.stream, text: script.text, ...(script.data ? { data: script.data } : {}) }
  }

  lines(afterSeq: number, limit: number, now: number): LogLine[] {
    const last = Math.min(this.length(now), afterSeq + limit)
    return Array.from({ length: Math.max(0, last - afterSeq) }, (_, index) => this.line(afterSeq + index + 1))
  }

  private trained(): number {
    if (this.long) return LONG - before.length - after.length
    return this.pipeline.status === 'failed' ? 60 : 300
  }

  private script(index: number): Script {
    const { status, phases } = this.pipeline
    const early = before[index]
    if (phases[1]?.status === 'failed' && index >= 3) return violations[index - 3] ?? training(index)
    if (early) return early
    const rest = index - before.length
    const ended = status === 'failed' ? failure : after
    if (status === 'running' || status === 'cancelled' || rest < this.trained()) return training(rest)
    return ended[rest - this.trained()] ?? training(rest)
  }
}
