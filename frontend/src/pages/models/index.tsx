import { useSearchParams } from 'react-router'
import { ENVIRONMENTS, useModels, type ModelSummary } from '../../api'
import { Button, EmptyState, ErrorState, formatCount, LoadMore, Page, RelativeTime, Skeleton, Table, type TableColumn } from '../../ui'

const columns: readonly TableColumn<ModelSummary>[] = [
  { key: 'name', header: 'Model', className: 'wrap-anywhere', cell: (model) => model.name },
  { key: 'latest', header: 'Latest', from: 'sm', cell: (model) => `v${model.latest_version}` },
  { key: 'versions', header: 'Versions', from: 'md', cell: (model) => formatCount(model.versions) },
  ...ENVIRONMENTS.map((environment): TableColumn<ModelSummary> => ({
    key: environment,
    header: environment,
    cell: ({ environments }) =>
      environments[environment] === undefined ? <span className="text-faint">–</span> : <span className="tabular-nums">v{environments[environment]}</span>,
  })),
  { key: 'updated', header: 'Updated', align: 'right', className: 'whitespace-nowrap', cell: (model) => <RelativeTime at={model.updated_at} /> },
]

export function Component() {
  const query = useModels()
  const [search, setSearch] = useSearchParams()
  const wanted = search.get('q') ?? ''
  const all = query.data?.pages.flatMap((page) => page.items) ?? []
  const rows = all.filter((model) => model.name.includes(wanted.trim().toLowerCase()))
  const find = (text: string) => setSearch(text ? { q: text } : {}, { replace: true, preventScrollReset: true })

  return (
    <Page title="Models">
      {query.isPending ? (
        <Skeleton lines={8} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The models could not be loaded" onRetry={() => void query.refetch()} />
      ) : all.length === 0 ? (
        <EmptyState title="No model yet" command="mlsys push">
          The first pipeline that succeeds registers one. Tag a notebook’s cells, then push from its repository.
        </EmptyState>
      ) : (
        <>
          <input
            type="search"
            data-search=""
            aria-label="Search models by name"
            placeholder="Search by name  ( / )"
            className="field w-full sm:max-w-xs"
            value={wanted}
            onChange={(event) => find(event.target.value)}
          />
          {rows.length === 0 ? (
            <EmptyState title={`No model is named like “${wanted}”`} action={<Button onClick={() => find('')}>Show all models</Button>}>
              {query.hasNextPage && 'Only the models loaded so far were searched.'}
            </EmptyState>
          ) : (
            <Table label="Models" rows={rows} columns={columns} rowKey={(model) => model.name} href={(model) => `/models/${encodeURIComponent(model.name)}`} />
          )}
          <LoadMore {...query} />
        </>
      )}
    </Page>
  )
}
