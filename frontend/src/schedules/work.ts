import type { BatchPredictionWork, RetrainingWork, Work } from '../api/types'

type Whole<Part, Left extends keyof Part> = Part & Required<Pick<Part, Left>>

export type WholeBatch = Whole<BatchPredictionWork, 'version' | 'write_disposition' | 'id_columns' | 'on_reject'>
export type WholeRetraining = Whole<RetrainingWork, 'branch' | 'parameters'>
export type WholeWork = WholeBatch | WholeRetraining | Extract<Work, { kind: 'retention' | 'registry_scan' }>

/** A work with all that whoever asks for it may leave out, as the backend then takes it. */
export function wholeWork(work: Work): WholeWork {
  switch (work.kind) {
    case 'batch_prediction':
      return { version: null, write_disposition: 'WRITE_APPEND', id_columns: null, on_reject: 'table', ...work }
    case 'retraining':
      return { branch: 'main', parameters: {}, ...work }
    case 'retention':
    case 'registry_scan':
      return work
  }
}
