import { type LogLine, type LogStream, PHASES, type PhaseName } from '../api/types'
import { stripAnsi } from './ansi'
import { columnsOf, normalise } from './text'

export const STREAMS: readonly LogStream[] = ['system', 'stdout', 'stderr', 'display', 'error']
/** How much of a log a page holds: lines, and the characters in them, of which each may take two bytes. */
export const CAPACITY = { lines: 500_000, characters: 50_000_000 } as const

/** What stays when there is more than that. */
const KEPT = 0.9

/** A place where the notebook breaks the contract. */
export interface Violation {
  cell: number | null
  line: number | null
  text: string | null
  problem: string
  fix: string
}

function violationOf(data: unknown): Violation | null {
  if (typeof data !== 'object' || data === null || !('violation' in data)) return null
  const found = data.violation as Partial<Violation> | null
  if (typeof found?.problem !== 'string') return null
  const { cell = null, line = null, text = null, problem, fix = '' } = found
  return { cell, line, text, problem, fix }
}

/** Numbers beside the texts: nine bytes a line where an object would take a hundred. */
interface Columns {
  at: Float64Array
  kind: Uint8Array
  cell: Int32Array
  width: Uint32Array
}

function columns(size: number, old?: Columns): Columns {
  const made = { at: new Float64Array(size), kind: new Uint8Array(size), cell: new Int32Array(size), width: new Uint32Array(size) }
  if (old) {
    made.at.set(old.at)
    made.kind.set(old.kind)
    made.cell.set(old.cell)
    made.width.set(old.width)
  }
  return made
}

/** The lines of one log, without gaps. The oldest are let go when there is more than the capacity. */
export class LogStore {
  /** The number of the first line that is held, less one. */
  dropped = 0
  violations: readonly Violation[] = []
  private readonly capacity: { lines: number; characters: number }
  private texts: string[] = []
  private characters = 0
  private numbers = columns(1_024)
  private version = 0
  private frame: number | null = null
  private readonly listeners = new Set<() => void>()

  constructor(capacity: { lines?: number; characters?: number } = {}) {
    this.capacity = { ...CAPACITY, ...capacity }
  }

  get length(): number {
    return this.texts.length
  }

  /** The number of the last line. */
  get last(): number {
    return this.dropped + this.texts.length
  }

  /** Adds lines that follow the last one; others are ignored. */
  append(lines: readonly LogLine[]): void {
    const found: Violation[] = []
    for (const line of lines) {
      if (line.seq !== this.last + 1) continue
      const violation = violationOf(line.data)
      if (violation) found.push(violation)
      this.push(line)
    }
    if (found.length > 0) this.violations = [...this.violations, ...found]
    if (this.texts.length > this.capacity.lines || this.characters > this.capacity.characters) this.shed()
    this.notify()
  }

  text(index: number): string {
    return this.texts[index] ?? ''
  }

  /** Without colours, for search and copies. */
  plain(index: number): string {
    return stripAnsi(this.text(index))
  }

  at(index: number): number {
    return this.numbers.at[index] ?? 0
  }

  phase(index: number): PhaseName {
    return PHASES[(this.numbers.kind[index] ?? 0) >> 3] ?? 'download'
  }

  stream(index: number): LogStream {
    return STREAMS[(this.numbers.kind[index] ?? 0) & 7] ?? 'system'
  }

  cell(index: number): number | null {
    const cell = this.numbers.cell[index] ?? -1
    return cell < 0 ? null : cell
  }

  /** Columns that the line takes in a monospaced font. */
  width(index: number): number {
    return this.numbers.width[index] ?? 0
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Grows with every notification: the snapshot for React. */
  snapshot = (): number => this.version

  private push(line: LogLine): void {
    const index = this.texts.length
    if (index === this.numbers.at.length) this.numbers = columns(index * 2, this.numbers)
    const text = normalise(line.text)
    this.texts.push(text)
    this.characters += text.length
    this.numbers.at[index] = Date.parse(line.at)
    this.numbers.kind[index] = (Math.max(0, PHASES.indexOf(line.phase)) << 3) | Math.max(0, STREAMS.indexOf(line.stream))
    this.numbers.cell[index] = line.cell ?? -1
    this.numbers.width[index] = columnsOf(stripAnsi(text))
  }

  /** Lets the oldest lines go. */
  private shed(): void {
    const lines = this.capacity.lines * KEPT
    const characters = this.capacity.characters * KEPT
    let count = 0
    while (this.texts.length - count > lines || this.characters > characters) this.characters -= this.text(count++).length
    this.texts = this.texts.slice(count)
    for (const column of Object.values(this.numbers) as { copyWithin: (target: number, start: number) => unknown }[]) column.copyWithin(0, count)
    this.dropped += count
  }

  /** Once a frame at most, however many lines come; a hidden page has no frames, and needs none. */
  private notify(): void {
    if (this.frame !== null) return
    this.frame = requestAnimationFrame(() => {
      this.frame = null
      this.version += 1
      for (const listener of this.listeners) listener()
    })
  }
}
