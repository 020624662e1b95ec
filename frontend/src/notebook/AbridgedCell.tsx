import { memo, useMemo } from 'react'
import { useWholeOutputs } from '../api/notebook'
import { Button } from '../ui/Button'
import { formatBytes } from '../ui/numbers'
import { ErrorState } from '../ui/States'
import { CellView, type CellViewProps } from './CellView'

interface AbridgedCellProps extends CellViewProps {
  /** The pipeline's id. */
  id: string
  cellId: string
  /** Bytes of the whole cell. */
  size: number
  /** Whether all that it printed was asked for. */
  whole: boolean
  onWhole: (cellId: string) => void
}

/** A cell that came with its outputs cut; they are shown whole when someone asks. */
export const AbridgedCell = memo(function AbridgedCell({ id, cellId, cell, size, whole, onWhole, ...rest }: AbridgedCellProps) {
  const { data, isError, error, refetch } = useWholeOutputs(id, cellId, size, whole)
  const outputs = whole ? data?.outputs : undefined
  const shown = useMemo(() => (outputs ? { ...cell, outputs } : cell), [cell, outputs])
  const more =
    whole && isError ? (
      <ErrorState error={error} title="The outputs could not be loaded" onRetry={() => void refetch()} />
    ) : outputs ? undefined : (
      <Button size="small" className="self-start" busy={whole} onClick={() => onWhole(cellId)}>
        {`Show all of it (${formatBytes(size)})`}
      </Button>
    )
  return <CellView cell={shown} more={more} {...rest} />
})
