import type { BatchPrediction } from '../api/types'
import { ProgressBar } from '../ui/ProgressBar'
import { rowsText, shareOf, toneOf } from './progress'

/** How many of the rows are done: as a bar, and in words. */
export function BatchProgress({ batch, className }: { batch: BatchPrediction; className?: string }) {
  const text = rowsText(batch)
  return (
    <div className={className}>
      <ProgressBar label="Rows done" share={shareOf(batch)} text={text} tone={toneOf(batch.status)} />
      <span className="block pt-0.5 text-sm text-muted tabular-nums">{text}</span>
    </div>
  )
}
