import { useCell } from '../api/notebook'
import type { Violation } from '../log/store'
import { Button } from '../ui/Button'
import { formatBytes } from '../ui/numbers'
import { ErrorState } from '../ui/States'
import { abridgedOf } from './cells'
import { CellView } from './CellView'
import type { Cell } from './model'

interface NotebookCellProps {
  /** The pipeline's id. */
  id: string
  index: number
  cell: Cell
  number: number
  live: boolean
  violations: readonly Violation[]
  /** Whether all that it printed was asked for. */
  whole: boolean
  onWhole: (index: number) => void
}

/** A cell of a pipeline's notebook. What it printed at length comes when it is asked for. */
export function NotebookCell({ id, index, cell, whole, onWhole, ...rest }: NotebookCellProps) {
  const size = abridgedOf(cell)
  const fetched = useCell(id, index, whole ? size : null)
  if (size === null) return <CellView cell={cell} {...rest} />
  if (whole && fetched.data) return <CellView cell={fetched.data} {...rest} />
  const more =
    whole && fetched.isError ? (
      <ErrorState error={fetched.error} title="The outputs could not be loaded" onRetry={() => void fetched.refetch()} />
    ) : (
      <Button size="small" className="self-start" busy={whole} onClick={() => onWhole(index)}>
        {`Show all of it (${formatBytes(size)})`}
      </Button>
    )
  return <CellView cell={cell} {...rest} more={more} />
}
