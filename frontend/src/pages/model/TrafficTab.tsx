import { useEffect, useState } from 'react'
import { type ModelDetail, type ModelTraffic, useTraffic } from '../../api'
import { EmptyState, ErrorState, formatClock, formatCount, formatNumber, LineChart, Panel, Skeleton, Table } from '../../ui'
import { Places } from './places/Places'
import { append, formatLatency, formatQuantile, formatRate, formatShare, noHistory, numbersOf, quantile, type Sample, type TrafficHistory } from './traffic'
import { servedIn } from './words'

const COLORS = ['var(--accent)', 'var(--warning)', 'var(--success)', 'var(--danger)'] as const

function useHistory(traffic: ModelTraffic | undefined): TrafficHistory {
  const [history, setHistory] = useState(noHistory)
  useEffect(() => {
    if (traffic) setHistory((known) => append(known, traffic))
  }, [traffic])
  return history
}

const clock = (at: number) => formatClock(at).slice(0, 8)
const latency = (value: number) => (Number.isNaN(value) ? '–' : formatLatency(value))

/** One line a version; every second one is dashed, so that they differ by more than colour. */
function lines(history: TrafficHistory, valueOf: (sample: Sample) => number | null) {
  return [...history.samples].map(([version, samples], index) => ({
    name: `Version ${version}`,
    color: COLORS[index % COLORS.length] ?? COLORS[0],
    dashed: index % 2 === 1,
    points: samples.map((sample) => ({ x: sample.at, y: valueOf(sample) })),
  }))
}

const rate = ({ increase }: Sample) => increase && increase.requests / increase.seconds
const failures = ({ increase }: Sample) => increase && increase.errors / increase.seconds
const slowness = (share: number) => (sample: Sample) => (sample.increase && quantile(sample.increase.buckets, share)?.seconds) ?? null

const CHARTS: readonly { title: string; valueOf: (sample: Sample) => number | null; format: (value: number) => string }[] = [
  { title: 'Requests per second', valueOf: rate, format: formatNumber },
  { title: 'Errors per second', valueOf: failures, format: formatNumber },
  { title: 'Latency, p50', valueOf: slowness(0.5), format: latency },
  { title: 'Latency, p95', valueOf: slowness(0.95), format: latency },
]

function Charts({ history }: { history: TrafficHistory }) {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      {CHARTS.map(({ title, valueOf, format }) => {
        const series = lines(history, valueOf)
        const known = series.some((line) => line.points.some((point) => point.y !== null))
        return (
          <Panel key={title} title={title}>
            <div className="min-h-48">
              {known ? <LineChart label={title} height={160} zero series={series} formatX={clock} formatY={format} /> : <p className="text-muted">No request came in while this page was open.</p>}
            </div>
          </Panel>
        )
      })}
    </div>
  )
}

/** Who answers where, and how: from the differences between polls. */
export function TrafficTab({ model }: { model: ModelDetail }) {
  const query = useTraffic(model.name)
  const history = useHistory(query.data)
  const traffic = query.data
  if (traffic) {
    return (
      <div className="flex flex-col gap-4">
        <Places model={model} traffic={traffic} history={history} />
        <Numbers model={model} traffic={traffic} history={history} />
      </div>
    )
  }
  if (query.isPending) return <Skeleton lines={8} height="h-8" />
  return <ErrorState error={query.error} title="The traffic could not be loaded" onRetry={() => void query.refetch()} />
}

/** Requests, errors and latency of each version. */
function Numbers({ model, traffic: { versions }, history }: { model: ModelDetail; traffic: ModelTraffic; history: TrafficHistory }) {
  if (versions.length === 0) {
    return <EmptyState title="No requests are counted">No model-server serves this model, or none was asked yet. Make a prediction under “Try it”; it shows here.</EmptyState>
  }
  const rows = versions.map((version) => ({ version, numbers: numbersOf(history, version) }))
  const ready = history.samples.size > 0
  return (
    <>
      <Table
        label="Traffic by version"
        rows={rows}
        rowKey={({ version }) => version.version}
        columns={[
          { key: 'version', header: 'Version', className: 'whitespace-nowrap', cell: ({ version }) => `Version ${version.version}` },
          {
            key: 'serves',
            header: 'Serves in',
            from: 'sm',
            cell: ({ version }) => servedIn(model.environments, version.version).join(', ') || '–',
          },
          {
            key: 'rate',
            header: <abbr title="Requests per second">Req./s</abbr>,
            align: 'right',
            cell: ({ numbers }) => formatRate(numbers.perSecond),
          },
          { key: 'errors', header: 'Errors', align: 'right', cell: ({ numbers }) => formatShare(numbers.errorShare) },
          { key: 'p50', header: 'p50', align: 'right', className: 'whitespace-nowrap', cell: ({ numbers }) => formatQuantile(numbers.p50) },
          { key: 'p95', header: 'p95', align: 'right', className: 'whitespace-nowrap', cell: ({ numbers }) => formatQuantile(numbers.p95) },
          { key: 'all', header: 'Requests in all', align: 'right', from: 'sm', cell: ({ version }) => formatCount(version.requests) },
        ]}
      />
      <p className="text-sm text-muted">
        {ready
          ? 'The last minute, asked for every 5 seconds; “in all” counts since the model-servers started. p50 and p95: half of the requests, and 95 of 100, took no longer.'
          : 'Since the model-servers started. Rates and charts come with the next answer, in 5 seconds.'}
      </p>
      {ready ? <Charts history={history} /> : <Skeleton lines={1} height="h-60" />}
    </>
  )
}
