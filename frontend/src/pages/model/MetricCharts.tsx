import type { ComponentProps } from 'react'
import { ENVIRONMENTS, type VersionRecord } from '../../api'
import { EmptyState, LineChart, LoadMore, Panel } from '../../ui'
import { metricNames } from './words'

interface MetricChartsProps {
  versions: readonly VersionRecord[]
  /** How many versions there are, loaded or not. */
  total: number
  more: ComponentProps<typeof LoadMore>
}

/** Each metric over the versions; those in service are marked. */
export function MetricCharts({ versions, total, more }: MetricChartsProps) {
  const names = metricNames(versions)
  const ordered = [...versions].sort((one, other) => one.version - other.version)
  const marks = ordered
    .filter((version) => version.environments.length > 0)
    .map((version) => ({ x: version.version, label: ENVIRONMENTS.filter((one) => version.environments.includes(one)).join(', ') }))
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = more
  if (names.length === 0) {
    return <EmptyState title="No version has metrics">Assign them in the cell tagged mlops:evaluation, or log them with mlflow.log_metric, and push again.</EmptyState>
  }
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-4 lg:grid-cols-2">
        {names.map((name) => (
          <Panel key={name} title={name}>
            <LineChart
              label={`${name} over versions`}
              marks={marks}
              series={[{ name, color: 'var(--accent)', points: ordered.map((version) => ({ x: version.version, y: version.metrics[name] ?? null })) }]}
              formatX={(version) => `v${version}`}
            />
          </Panel>
        ))}
      </div>
      <LoadMore hasNextPage={hasNextPage} isFetchingNextPage={isFetchingNextPage} fetchNextPage={fetchNextPage} shown={versions.length} total={total} />
    </div>
  )
}
