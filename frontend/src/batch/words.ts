import type { OnReject, WriteDisposition } from '../api/types'

/** What becomes of the rows that the output table has, in words. */
export const DISPOSITIONS: Record<WriteDisposition, string> = {
  WRITE_APPEND: 'Append: its rows stay',
  WRITE_TRUNCATE: 'Replace: its rows and columns go',
  WRITE_EMPTY: 'Only if it has no rows',
}

/** What becomes of rows that can't be scored, in words. */
export const REJECTS: Record<OnReject, string> = {
  table: 'They go to a table of rejects, each with the reason',
  stop: 'The first one stops it',
}
