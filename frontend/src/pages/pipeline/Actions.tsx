import { useState } from 'react'
import { asProblem, isActive, type PipelineDetail, useCancelPipeline, useRetryPipeline } from '../../api'
import { Button, toast } from '../../ui'
import { RerunDialog } from './RerunDialog'

/** What can be done with a pipeline now. */
export function Actions({ pipeline }: { pipeline: PipelineDetail }) {
  const [rerun, setRerun] = useState(false)
  const cancel = useCancelPipeline()
  const retry = useRetryPipeline()
  const failed = (error: unknown) => toast(asProblem(error).detail, 'danger')
  const failedPhase = pipeline.phases.find((phase) => phase.status === 'failed')
  return (
    <>
      {isActive(pipeline.status) && (
        <Button look="danger" icon="stop" busy={cancel.isPending} onClick={() => cancel.mutate(pipeline.id, { onError: failed, onSuccess: () => toast('The pipeline is being cancelled.') })}>
          Cancel
        </Button>
      )}
      {(pipeline.status === 'failed' || pipeline.status === 'cancelled') && (
        <Button
          icon="retry"
          title={failedPhase && `Goes on from the phase ${failedPhase.name}`}
          busy={retry.isPending}
          onClick={() => retry.mutate(pipeline.id, { onError: failed, onSuccess: () => toast('The pipeline goes on.') })}
        >
          Retry
        </Button>
      )}
      <Button icon="run" onClick={() => setRerun(true)}>
        Re-run with parameters
      </Button>
      <RerunDialog pipeline={pipeline} open={rerun} onClose={() => setRerun(false)} />
    </>
  )
}
