/** nbformat 4, as far as the dashboard looks at it. Everything in it comes from the notebook's author: nothing is trusted. */

export type MimeBundle = Record<string, unknown>

export interface Output {
  output_type: string
  name?: string
  text?: unknown
  data?: MimeBundle
  ename?: unknown
  evalue?: unknown
  traceback?: unknown
}

export interface CellMetadata {
  tags?: unknown
  papermill?: unknown
  mlsys?: unknown
}

export interface Cell {
  cell_type: string
  id?: string
  source?: unknown
  metadata?: CellMetadata
  outputs?: Output[]
  attachments?: Record<string, MimeBundle>
  execution_count?: number | null
}

export interface Notebook {
  cells: Cell[]
  metadata: Record<string, unknown>
  nbformat: number
  nbformat_minor: number
}
