import { useParams } from 'react-router'
import { type BatchPrediction, useBatch } from '../../api'
import { Sample } from '../../tables/Sample'
import { ErrorState, Page, Panel, Skeleton } from '../../ui'
import { Actions } from './Actions'
import { HeaderFacts } from './Header'
import { Progress } from './Progress'
import { BatchSettings } from './Settings'

function BatchView({ batch, at }: { batch: BatchPrediction; at: number }) {
  const title = `${batch.model_name} v${batch.version} on ${batch.input_table}`
  return (
    <Page title={`${title}, ${batch.status}`} heading={title} subtitle={<HeaderFacts batch={batch} />} actions={<Actions batch={batch} />}>
      {batch.error !== null && (
        <section aria-label="Error" className="rounded-lg border border-danger bg-danger-tint p-3">
          <p className="wrap-anywhere whitespace-pre-wrap">{batch.error}</p>
        </section>
      )}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Progress batch={batch} at={at} />
        <BatchSettings batch={batch} />
      </div>
      {batch.status === 'succeeded' && batch.output_version !== null && (
        <Panel title="What was written">
          <Sample name={batch.output_table} version={batch.output_version} />
        </Panel>
      )}
    </Page>
  )
}

export function Component() {
  const { id = '' } = useParams()
  const query = useBatch(id)
  if (query.data) return <BatchView key={id} batch={query.data} at={query.dataUpdatedAt} />
  return (
    <Page title="Batch prediction">
      {query.isError ? <ErrorState error={query.error} title="The batch prediction could not be loaded" onRetry={() => void query.refetch()} /> : <Skeleton lines={12} />}
    </Page>
  )
}
