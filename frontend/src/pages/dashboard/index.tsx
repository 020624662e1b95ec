import { Link } from 'react-router'
import { useMe, useOverview, useReadiness } from '../../api'
import { ErrorState, formatCount, Page, Panel, plural, Skeleton } from '../../ui'
import { AttentionList } from './AttentionList'
import { attention } from './attention'
import { FirstSteps } from './FirstSteps'
import { Latest } from './Latest'
import { ModelMatrix } from './ModelMatrix'
import { Running } from './Running'
import { Trends } from './Trends'

const SHOWN = 5

export function Component() {
  const overview = useOverview()
  const readiness = useReadiness()
  const me = useMe((overview.data?.attention.approvals.length ?? 0) > 0)

  if (!overview.data) {
    return (
      <Page title="Dashboard">
        {overview.isError ? <ErrorState error={overview.error} title="The overview could not be loaded" onRetry={() => void overview.refetch()} /> : <Skeleton lines={16} height="h-8" />}
      </Page>
    )
  }
  const { pipelines, models, repos } = overview.data
  const total = Object.values(pipelines.all).reduce((sum, count) => sum + count, 0)
  const needed = attention(overview.data, readiness.data, SHOWN, me.data)
  const needs = (
    <Panel title={needed.total > 0 ? `Needs attention (${formatCount(needed.total)})` : 'Needs attention'} flush>
      {readiness.isPending ? <Skeleton lines={8} className="p-3" /> : <AttentionList {...needed} />}
    </Panel>
  )
  if (total === 0 && models.models === 0) {
    return (
      <Page title="Dashboard" subtitle="Nothing has run here yet.">
        {needed.total > 0 && needs}
        <FirstSteps />
      </Page>
    )
  }
  return (
    <Page title="Dashboard" subtitle={`${plural(total, 'pipeline')} · ${plural(models.models, 'model')} · ${plural(models.versions, 'version')} · ${plural(repos, 'repository', 'repositories')}`}>
      <Panel title="Running now" actions={<span className="text-muted tabular-nums">{`${formatCount(pipelines.all.running)} running · ${formatCount(pipelines.all.queued)} queued`}</span>} flush>
        <Running counts={pipelines.all} />
      </Panel>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {needs}
        <Panel title="Models by environment" flush>
          <ModelMatrix counts={models} />
        </Panel>
      </div>
      <Trends />
      <section aria-labelledby="latest" className="flex flex-col gap-2">
        <div className="flex items-baseline justify-between gap-2">
          <h2 id="latest" className="text-base">
            Latest pipelines
          </h2>
          <Link to="/pipelines" className="link">
            All {plural(total, 'pipeline')}
          </Link>
        </div>
        <Latest />
      </section>
    </Page>
  )
}
