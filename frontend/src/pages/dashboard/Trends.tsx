import type { ReactNode } from 'react'
import { useStatistics } from '../../api'
import { BarChart, ErrorState, formatCount, formatDuration, LineChart, Panel, Skeleton } from '../../ui'
import { dayName, formatShare, summarise } from './summary'

const DAYS = 14

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="text-lg font-semibold tabular-nums">{children}</dd>
    </div>
  )
}

const seconds = (value: number) => (Number.isNaN(value) ? '–' : formatDuration(value * 1_000, false))

/** How the last two weeks went. */
export function Trends() {
  const query = useStatistics(DAYS)
  const days = query.data?.days ?? []
  const summary = summarise(days)
  const categories = days.map((day) => dayName(day.date))
  const measured = days.filter((day) => day.median_seconds !== null)
  return (
    <Panel title={`The last ${DAYS} days`}>
      {query.isPending ? (
        <Skeleton lines={12} height="h-6" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The statistics could not be loaded" onRetry={() => void query.refetch()} />
      ) : summary.finished === 0 ? (
        <p className="text-muted">No pipeline ended in this time.</p>
      ) : (
        <div className="flex flex-col gap-4">
          <dl className="flex flex-wrap gap-x-8 gap-y-2">
            <Figure name="Pipelines">{formatCount(summary.finished)}</Figure>
            <Figure name="Success rate">{summary.successRate === null ? '–' : formatShare(summary.successRate)}</Figure>
            <Figure name="Deployed">{formatCount(summary.deployed)}</Figure>
            <Figure name="Usual duration">{summary.typicalSeconds === null ? '–' : formatDuration(summary.typicalSeconds * 1_000, true)}</Figure>
          </dl>
          <div className="grid gap-4 lg:grid-cols-2">
            <div className="min-w-0">
              <h3 className="pb-1 text-sm text-muted">Pipelines by how they ended</h3>
              <BarChart
                label={`Pipelines a day by how they ended, last ${DAYS} days`}
                categories={categories}
                series={[
                  { name: 'Succeeded', color: 'var(--success)', values: days.map((day) => day.succeeded) },
                  { name: 'Failed', color: 'var(--danger)', values: days.map((day) => day.failed) },
                  { name: 'Cancelled or skipped', color: 'var(--line-strong)', values: days.map((day) => day.cancelled + day.skipped) },
                ]}
              />
            </div>
            <div className="min-w-0">
              <h3 className="pb-1 text-sm text-muted">Median duration of successes</h3>
              {measured.length > 0 ? (
                <LineChart
                  label={`Median duration a day, last ${DAYS} days`}
                  height={160}
                  zero
                  series={[{ name: 'Median duration', color: 'var(--accent)', points: days.map((day, index) => ({ x: index, y: day.median_seconds })) }]}
                  formatX={(index) => categories[index] ?? ''}
                  formatY={seconds}
                />
              ) : (
                <p className="text-muted">No pipeline succeeded in this time.</p>
              )}
            </div>
          </div>
        </div>
      )}
    </Panel>
  )
}
