import { useParams, useSearchParams } from 'react-router'
import { useModel, useVersions } from '../../api'
import { CopyButton, ErrorState, Page, plural, RelativeTime, Skeleton, Tabs } from '../../ui'
import { Environments } from './Environments'
import { History } from './History'
import { MetricCharts } from './MetricCharts'
import { TrafficTab } from './TrafficTab'
import { TryIt } from './tryit/TryIt'
import { Versions } from './Versions'
import { WaitingApproval } from './WaitingApproval'

const TABS = [
  { key: 'versions', label: 'Versions' },
  { key: 'try', label: 'Try it' },
  { key: 'metrics', label: 'Metrics' },
  { key: 'traffic', label: 'Traffic' },
  { key: 'history', label: 'History' },
] as const
type Key = (typeof TABS)[number]['key']

export function Component() {
  const { name = '' } = useParams()
  return <ModelPage key={name} name={name} />
}

function ModelPage({ name }: { name: string }) {
  const query = useModel(name)
  const versions = useVersions(name)
  const [search, setSearch] = useSearchParams()
  const model = query.data
  const wanted = search.get('tab')
  const tab: Key = TABS.find((one) => one.key === wanted)?.key ?? 'versions'
  const show = (key: Key) => setSearch(key === 'versions' ? {} : { tab: key }, { replace: true, preventScrollReset: true })

  if (!model) {
    return (
      <Page title={name}>{query.isError ? <ErrorState error={query.error} title="The model could not be loaded" onRetry={() => void query.refetch()} /> : <Skeleton lines={12} height="h-8" />}</Page>
    )
  }
  const rows = versions.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page
      title={name}
      heading={
        <span className="flex items-center gap-1">
          <span className="min-w-0 wrap-anywhere">{name}</span>
          <CopyButton text={name} label="Copy the model’s name" />
        </span>
      }
      subtitle={
        <>
          {plural(model.versions, 'version')}
          {model.owner && ` of ${model.owner}`} · updated <RelativeTime at={model.updated_at} />
        </>
      }
    >
      <WaitingApproval model={model} />
      <Environments model={model} />
      <Tabs tabs={TABS} current={tab} onChange={show} label="About the model">
        {tab === 'try' ? (
          <TryIt model={model} />
        ) : tab === 'traffic' ? (
          <TrafficTab model={model} />
        ) : tab === 'history' ? (
          <History name={name} />
        ) : versions.isPending ? (
          <Skeleton lines={8} height="h-8" />
        ) : versions.isError && !versions.data ? (
          <ErrorState error={versions.error} title="The versions could not be loaded" onRetry={() => void versions.refetch()} />
        ) : tab === 'metrics' ? (
          <MetricCharts versions={rows} total={model.versions} more={versions} />
        ) : (
          <Versions model={model} versions={rows} more={versions} selected={Number(search.get('version')) || null} />
        )}
      </Tabs>
    </Page>
  )
}
