import type { Cell, MimeBundle, Notebook, Output } from '../api/nbformat'

/** nbformat allows one text or a list of pieces; anything else counts as nothing. */
export function joined(value: unknown): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return ''
  return value.filter((part) => typeof part === 'string').join('')
}

export function tagsOf(cell: Cell): string[] {
  const tags = cell.metadata?.tags
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : []
}

/** Cells that a run which failed has put in to point at the failing one. The page marks that one itself. */
const ERROR_MARK = 'papermill-error-cell-tag'
/** A run's parameters, put in after the cell of their defaults. */
const INJECTED = 'injected-parameters'

/** The cells, whatever the file holds in their place. */
export function cellsOf(notebook: Notebook): Cell[] {
  const cells: unknown = notebook.cells
  if (!Array.isArray(cells)) return []
  const all = cells.map((cell: unknown) => (typeof cell === 'object' && cell !== null ? (cell as Cell) : { cell_type: 'raw' }))
  return all.filter((cell) => !tagsOf(cell).includes(ERROR_MARK))
}

/** The number of each cell in the notebook as it was pushed, which messages name; from 0. A run's parameters have that of their defaults. */
export function numbersOf(cells: readonly Cell[]): number[] {
  let next = 0
  return cells.map((cell) => (tagsOf(cell).includes(INJECTED) ? Math.max(0, next - 1) : next++))
}

export function outputsOf(cell: Cell): Output[] {
  const outputs: unknown = cell.outputs
  return Array.isArray(outputs) ? outputs.filter((output: unknown): output is Output => typeof output === 'object' && output !== null) : []
}

/** The bytes of the whole cell, where it came with its outputs cut. */
export function abridgedOf(cell: Cell): number | null {
  const mark = cell.metadata?.mlsys
  if (typeof mark !== 'object' || mark === null || !('abridged' in mark)) return null
  return typeof mark.abridged === 'number' ? mark.abridged : null
}

export type CellStatus = 'pending' | 'running' | 'completed' | 'failed'

export interface CellState {
  status: CellStatus
  start: string | null
  end: string | null
}

const statuses: readonly CellStatus[] = ['pending', 'running', 'completed', 'failed']

function time(value: unknown): string | null {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null
}

/** How far the run has come with a cell; `null` where nothing says so. */
export function stateOf(cell: Cell): CellState | null {
  const papermill = cell.metadata?.papermill
  if (cell.cell_type !== 'code' || typeof papermill !== 'object' || papermill === null) return null
  const facts = papermill as Record<string, unknown>
  const said = statuses.find((status) => status === facts.status)
  const status = facts.exception === true ? 'failed' : said
  if (!status) return null
  return { status, start: time(facts.start_time), end: time(facts.end_time) }
}

/** The cell to look at first: the failed one, else the running one; -1 without either. */
export function focusOf(cells: readonly Cell[]): number {
  const states = cells.map((cell) => stateOf(cell)?.status)
  const failed = states.indexOf('failed')
  return failed === -1 ? states.indexOf('running') : failed
}

export interface Progress {
  done: number
  total: number
}

export function progressOf(cells: readonly Cell[]): Progress {
  const states = cells.map(stateOf).filter((state) => state !== null)
  return { done: states.filter((state) => state.status === 'completed' || state.status === 'failed').length, total: states.length }
}

/** What a terminal would show of text in which a carriage return starts a line anew. */
export function settleReturns(text: string): string {
  if (!text.includes('\r')) return text
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => (line.includes('\r') ? (line.replace(/\r+$/, '').split('\r').at(-1) ?? '') : line))
    .join('\n')
}

const order = ['text/html', 'image/svg+xml', 'image/png', 'image/jpeg', 'image/gif', 'text/markdown', 'text/latex', 'application/json', 'text/plain'] as const

export type ShownMime = (typeof order)[number]

/** The richest form of an output that the page can show. */
export function richest(data: MimeBundle): ShownMime | null {
  return order.find((mime) => data[mime] !== undefined) ?? null
}
