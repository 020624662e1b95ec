import { Link } from 'react-router'
import { isActive, useModels, usePipelines, useReadiness, useRepos, type PipelineRecord } from '../../api'
import { ErrorState, Page, Panel, Skeleton, useNow } from '../../ui'
import { attention } from './attention'
import { AttentionList } from './AttentionList'
import { FirstSteps } from './FirstSteps'
import { Latest } from './Latest'
import { ModelMatrix } from './ModelMatrix'
import { Running } from './Running'
import { Trends } from './Trends'

/** Of the latest pipelines and of those that run: with a long queue the running ones are none of the latest. */
function merge(latest: readonly PipelineRecord[], running: readonly PipelineRecord[]): PipelineRecord[] {
  const known = new Set(latest.map((pipeline) => pipeline.id))
  return [...latest.filter((pipeline) => isActive(pipeline.status)), ...running.filter((pipeline) => !known.has(pipeline.id))]
}

export function Component() {
  const latest = usePipelines({}, 50)
  const running = usePipelines({ status: 'running' }, 20)
  const models = useModels()
  const repos = useRepos()
  const readiness = useReadiness()
  const now = useNow('slow')

  const pipelines = latest.data?.pages.flatMap((page) => page.items) ?? []
  const allModels = models.data?.pages.flatMap((page) => page.items) ?? []
  const allRepos = repos.data?.pages.flatMap((page) => page.items) ?? []
  const items = attention({ pipelines, models: allModels, repos: allRepos, readiness: readiness.data }, now)
  const known = latest.data && models.data && repos.data

  if (latest.isError && !latest.data) {
    return (
      <Page title="Dashboard">
        <ErrorState error={latest.error} title="The pipelines could not be loaded" onRetry={() => void latest.refetch()} />
      </Page>
    )
  }
  if (known && pipelines.length === 0 && allModels.length === 0) {
    return (
      <Page title="Dashboard" subtitle="Nothing has run here yet.">
        {items.length > 0 && (
          <Panel title="Needs attention" flush>
            <AttentionList items={items} />
          </Panel>
        )}
        <FirstSteps />
      </Page>
    )
  }
  return (
    <Page title="Dashboard">
      <Panel title="Running now" flush>
        {latest.isPending ? <Waiting lines={2} /> : <Running pipelines={merge(pipelines, running.data?.pages.flatMap((page) => page.items) ?? [])} />}
      </Panel>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Panel title="Needs attention" flush>
          {latest.isPending || models.isPending || repos.isPending || readiness.isPending ? <Waiting lines={8} /> : <AttentionList items={items} />}
        </Panel>
        <Panel title="Models by environment" flush>
          {models.isPending ? (
            <Waiting lines={8} />
          ) : models.isError && !models.data ? (
            <div className="p-3">
              <ErrorState error={models.error} title="The models could not be loaded" onRetry={() => void models.refetch()} />
            </div>
          ) : (
            <ModelMatrix models={allModels} />
          )}
        </Panel>
      </div>
      <Trends />
      <section aria-labelledby="latest" className="flex flex-col gap-2">
        <div className="flex items-baseline justify-between gap-2">
          <h2 id="latest" className="text-base">
            Latest pipelines
          </h2>
          <Link to="/pipelines" className="link">
            All pipelines
          </Link>
        </div>
        {latest.isPending ? <Skeleton lines={10} height="h-8" /> : <Latest pipelines={pipelines.slice(0, 10)} />}
      </section>
    </Page>
  )
}

function Waiting({ lines }: { lines: number }) {
  return (
    <div className="p-3">
      <Skeleton lines={lines} />
    </div>
  )
}
