import { useCallback } from 'react'
import { useSearchParams } from 'react-router'
import { ENVIRONMENTS, listed, type ModelSummary, useModels } from '../../api'
import { Button, EmptyState, ErrorState, formatCount, LoadMore, Page, plural, RelativeTime, SearchField, Skeleton, Table, type TableColumn } from '../../ui'

const columns: readonly TableColumn<ModelSummary>[] = [
  { key: 'name', header: 'Model', className: 'wrap-anywhere', cell: (model) => model.name },
  { key: 'latest', header: 'Latest', from: 'sm', cell: (model) => `v${model.latest_version}` },
  { key: 'versions', header: 'Versions', from: 'md', cell: (model) => formatCount(model.versions) },
  ...ENVIRONMENTS.map(
    (environment): TableColumn<ModelSummary> => ({
      key: environment,
      header: environment,
      cell: ({ environments }) => (environments[environment] === undefined ? <span className="text-faint">–</span> : <span className="tabular-nums">v{environments[environment]}</span>),
    }),
  ),
  { key: 'updated', header: 'Updated', align: 'right', className: 'whitespace-nowrap', cell: (model) => <RelativeTime at={model.updated_at} /> },
]

export function Component() {
  const [address, setAddress] = useSearchParams()
  const search = address.get('search') ?? ''
  const environment = ENVIRONMENTS.find((one) => one === address.get('environment'))
  const sort = address.get('sort') === 'updated' ? 'updated' : 'name'
  const query = useModels({ search: search || undefined, environment, sort })
  const { items, total } = listed(query.data)
  const filtered = search !== '' || environment !== undefined
  const change = useCallback(
    (field: 'search' | 'environment' | 'sort', value: string) =>
      setAddress(
        (old) => {
          const next = new URLSearchParams(old)
          if (value) next.set(field, value)
          else next.delete(field)
          return next
        },
        { replace: true, preventScrollReset: true },
      ),
    [setAddress],
  )
  const find = useCallback((text: string) => change('search', text), [change])

  return (
    <Page title="Models">
      <search className="flex flex-wrap items-center gap-2">
        <SearchField main label="Search models by name" placeholder="Search by name" className="w-full sm:max-w-xs" value={search} onChange={find} />
        <select aria-label="Deployed in" className="field" value={environment ?? ''} onChange={(event) => change('environment', event.target.value)}>
          <option value="">Deployed or not</option>
          {ENVIRONMENTS.map((one) => (
            <option key={one} value={one}>
              Deployed in {one}
            </option>
          ))}
        </select>
        <select aria-label="Order" className="field" value={sort} onChange={(event) => change('sort', event.target.value === 'updated' ? 'updated' : '')}>
          <option value="name">By name</option>
          <option value="updated">Newest version first</option>
        </select>
        <span role="status" className="text-muted tabular-nums">
          {query.data && plural(total, 'model')}
        </span>
      </search>
      {query.isPending ? (
        <Skeleton lines={8} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The models could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length > 0 ? (
        <Table label="Models" rows={items} columns={columns} rowKey={(model) => model.name} href={(model) => `/models/${encodeURIComponent(model.name)}`} />
      ) : filtered ? (
        <EmptyState title="No model matches" action={<Button onClick={() => setAddress({}, { replace: true })}>Show all models</Button>}>
          {search ? `No model ${environment ? `in ${environment} ` : ''}has “${search}” in its name.` : `No model is deployed in ${environment}.`}
        </EmptyState>
      ) : (
        <EmptyState title="No model yet" command="mlsys push">
          The first pipeline that succeeds registers one. Tag a notebook’s cells, then push from its repository.
        </EmptyState>
      )}
      <LoadMore {...query} shown={items.length} total={total} />
    </Page>
  )
}
