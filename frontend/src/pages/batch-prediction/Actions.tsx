import { useState } from 'react'
import { asProblem, type BatchPrediction, isUnfinished, mayScore, useCancelBatch, useMe, useResumeBatch } from '../../api'
import { Button, RemovalDialog, toast } from '../../ui'

/** What operators can do with a batch prediction now. */
export function Actions({ batch }: { batch: BatchPrediction }) {
  const may = mayScore(useMe().data, batch.model_name)
  const [cancelling, setCancelling] = useState(false)
  const cancel = useCancelBatch()
  const resume = useResumeBatch()
  const failed = (error: unknown) => toast(asProblem(error).detail, 'danger')
  if (!may) return null
  return (
    <>
      {isUnfinished(batch.status) && (
        <Button look="danger" icon="stop" onClick={() => setCancelling(true)}>
          Cancel
        </Button>
      )}
      {(batch.status === 'failed' || batch.status === 'cancelled') && (
        <Button
          icon="retry"
          title="Goes on with the shards that are not done"
          busy={resume.isPending}
          onClick={() => resume.mutate(batch.id, { onError: failed, onSuccess: () => toast('The batch prediction goes on.') })}
        >
          Resume
        </Button>
      )}
      <RemovalDialog
        open={cancelling && isUnfinished(batch.status)}
        onClose={() => setCancelling(false)}
        title="Cancel this batch prediction?"
        verb="Cancel it"
        keep="Let it go on"
        busy={cancel.isPending}
        onRemove={() => cancel.mutate(batch.id, { onError: failed, onSuccess: () => toast('The batch prediction is cancelled.'), onSettled: () => setCancelling(false) })}
      >
        <p>{batch.output_table} is written only at the end, so it stays as it is. The shards that are done are kept: you can resume it later.</p>
      </RemovalDialog>
    </>
  )
}
