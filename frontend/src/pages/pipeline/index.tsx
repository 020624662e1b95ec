import { useParams } from 'react-router'
import { type PipelineDetail, usePipeline } from '../../api'
import { ErrorState, Page, Skeleton } from '../../ui'
import { Actions } from './Actions'
import { HeaderFacts } from './Header'
import { Artifacts, Lineage } from './Lineage'
import { Gates, Metrics } from './Results'
import { Timeline } from './Timeline'
import { Workbench } from './Workbench'

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? path
}

function PipelineView({ pipeline }: { pipeline: PipelineDetail }) {
  const title = nameOf(pipeline.notebook_path)
  return (
    <Page wide title={`${title}, ${pipeline.status}`} heading={title} subtitle={<HeaderFacts pipeline={pipeline} />} actions={<Actions pipeline={pipeline} />}>
      <Timeline pipeline={pipeline} />
      <Workbench pipeline={pipeline} />
      <div className="grid gap-4 lg:grid-cols-2">
        <Metrics pipeline={pipeline} />
        <Gates pipeline={pipeline} />
        <Artifacts pipeline={pipeline} />
        <Lineage pipeline={pipeline} />
      </div>
    </Page>
  )
}

export function Component() {
  const { id = '' } = useParams()
  const pipeline = usePipeline(id)
  if (pipeline.data) return <PipelineView key={id} pipeline={pipeline.data} />
  return (
    <Page wide title="Pipeline">
      {pipeline.isError ? <ErrorState error={pipeline.error} title="The pipeline could not be loaded" onRetry={() => void pipeline.refetch()} /> : <Skeleton lines={12} />}
    </Page>
  )
}
