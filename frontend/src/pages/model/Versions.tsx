import { type ComponentProps, useEffect, useRef } from 'react'
import type { ModelDetail, VersionRecord } from '../../api'
import { Badge, EmptyState, formatNumber, Icon, LoadMore, RelativeTime, Table, type TableColumn } from '../../ui'
import { VersionPanel } from './VersionPanel'
import { madeBy, metricNames, servedIn } from './words'

/** More metrics than these would push the rest off the screen; the version's own panel has them all. */
const METRICS = 3

function columnsOf(versions: readonly VersionRecord[], deployed: ModelDetail['environments'], shown: number | null): TableColumn<VersionRecord>[] {
  return [
    {
      key: 'version',
      header: 'Version',
      className: 'whitespace-nowrap',
      cell: (one) =>
        one.version === shown ? (
          <span className="flex items-center gap-1 text-accent">
            Version {one.version}
            <Icon name="down" className="size-3.5" />
            <span className="sr-only">(shown below)</span>
          </span>
        ) : (
          `Version ${one.version}`
        ),
    },
    { key: 'declared', header: 'Declared', from: 'sm', cell: (one) => one.declared_version ?? <span className="text-faint">–</span> },
    {
      key: 'environments',
      header: 'Serves in',
      cell: (one) => (
        <span className="flex flex-wrap gap-1">
          {servedIn(deployed, one.version).map((environment) => (
            <Badge key={environment} tone={environment === 'prod' ? 'success' : 'accent'}>
              {environment}
            </Badge>
          ))}
        </span>
      ),
    },
    ...metricNames(versions)
      .slice(0, METRICS)
      .map((name): TableColumn<VersionRecord> => ({ key: `metric ${name}`, header: name, align: 'right', from: 'md', cell: (one) => formatNumber(one.metrics[name]) })),
    { key: 'flavour', header: 'Flavour', from: 'lg', cell: (one) => one.flavour },
    { key: 'push', header: 'Made by', from: 'lg', cell: (one) => <code className="font-mono text-sm wrap-anywhere">{madeBy(one)}</code> },
    { key: 'when', header: 'Made', align: 'right', className: 'whitespace-nowrap', cell: (one) => <RelativeTime at={one.created_at} /> },
  ]
}

interface VersionsProps {
  model: ModelDetail
  versions: readonly VersionRecord[]
  more: Omit<ComponentProps<typeof LoadMore>, 'shown' | 'total'>
  selected: number | null
}

export function Versions({ model, versions, more, selected }: VersionsProps) {
  const panel = useRef<HTMLDivElement>(null)
  const shown = selected ?? versions[0]?.version ?? null
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = more
  useEffect(() => {
    if (selected !== null) panel.current?.scrollIntoView({ block: 'nearest' })
  }, [selected])
  if (versions.length === 0) {
    return (
      <EmptyState title="No version yet" command="mlsys push">
        The next pipeline of this model that succeeds registers one.
      </EmptyState>
    )
  }
  return (
    <div className="flex flex-col gap-4">
      <Table label="Versions" rows={versions} columns={columnsOf(versions, model.environments, shown)} rowKey={(one) => one.version} href={(one) => `?version=${one.version}`} />
      <LoadMore hasNextPage={hasNextPage} isFetchingNextPage={isFetchingNextPage} fetchNextPage={fetchNextPage} shown={versions.length} total={model.versions} />
      <div ref={panel} className="scroll-mt-16">
        {shown !== null && <VersionPanel name={model.name} version={shown} />}
      </div>
    </div>
  )
}
