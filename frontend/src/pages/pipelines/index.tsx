import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'react-router'
import { listed, usePipelines } from '../../api'
import { Button, EmptyState, ErrorState, LoadMore, Page, plural, Skeleton, Table } from '../../ui'
import { pipelineColumns } from './columns'
import { Filters } from './Filters'
import { type FilterField, filterOf, withField } from './filters'

export function Component() {
  const [query, setQuery] = useSearchParams()
  const filter = useMemo(() => filterOf(query), [query])
  const pipelines = usePipelines(filter)
  const { items, total } = listed(pipelines.data)
  const change = useCallback((field: FilterField, value: string) => setQuery((old) => withField(old, field, value), { replace: true, preventScrollReset: true }), [setQuery])
  const clear = () => setQuery({}, { replace: true })
  const filtered = Object.keys(filter).length > 0

  return (
    <Page title="Pipelines">
      <Filters query={query} onChange={change} onClear={clear} />
      {pipelines.isPending ? (
        <Skeleton lines={10} height="h-11" />
      ) : pipelines.isError && !pipelines.data ? (
        <ErrorState error={pipelines.error} title="The pipelines could not be loaded" onRetry={() => void pipelines.refetch()} />
      ) : (
        <>
          <p role="status" className="text-muted tabular-nums">
            {plural(total, 'pipeline')}
          </p>
          {items.length > 0 ? (
            <Table label="Pipelines" rows={items} columns={pipelineColumns} rowKey={(pipeline) => pipeline.id} href={(pipeline) => `/pipelines/${pipeline.id}`} />
          ) : filtered ? (
            <EmptyState title="No pipeline matches" action={<Button onClick={clear}>Clear the filters</Button>}>
              Change or clear the filters above.
            </EmptyState>
          ) : (
            <EmptyState title="No pipelines yet" command="mlsys push path/to/repository">
              Tag the cells of a notebook, then push it. Its pipeline appears here at once.
            </EmptyState>
          )}
          <LoadMore {...pipelines} shown={items.length} total={total} />
        </>
      )}
    </Page>
  )
}
