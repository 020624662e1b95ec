import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'react-router'
import { useModels, usePipelines, useRepos } from '../../api'
import { Button, EmptyState, ErrorState, LoadMore, Page, plural, Skeleton, Table } from '../../ui'
import { pipelineColumns } from './columns'
import { Filters } from './Filters'
import { filterOf, matchesText, withField, type FilterField } from './filters'

export function Component() {
  const [query, setQuery] = useSearchParams()
  const filter = useMemo(() => filterOf(query), [query])
  const text = query.get('text') ?? ''
  const pipelines = usePipelines(filter)
  const repos = useRepos().data?.pages.flatMap((page) => page.items.map((repo) => repo.full_name)) ?? []
  const models = useModels().data?.pages.flatMap((page) => page.items.map((model) => model.name)) ?? []

  const loaded = pipelines.data?.pages.flatMap((page) => page.items) ?? []
  const shown = text === '' ? loaded : loaded.filter((pipeline) => matchesText(pipeline, text))
  const change = useCallback((field: FilterField, value: string) => setQuery((old) => withField(old, field, value), { replace: true, preventScrollReset: true }), [setQuery])
  const clear = () => setQuery({}, { replace: true })

  return (
    <Page title="Pipelines">
      <Filters query={query} repos={repos} models={models} onChange={change} onClear={clear} />
      {pipelines.isPending && <Skeleton lines={10} height="h-11" />}
      {pipelines.isError && <ErrorState error={pipelines.error} title="The pipelines could not be loaded" onRetry={() => void pipelines.refetch()} />}
      {pipelines.data && shown.length === 0 && query.size > 0 && (
        <EmptyState title="No pipeline matches" action={<Button onClick={clear}>Clear the filters</Button>}>
          {text !== '' && pipelines.hasNextPage ? `Nothing among the ${plural(loaded.length, 'pipeline')} that are loaded. Load more, or search for something else.` : 'Change or clear the filters above.'}
        </EmptyState>
      )}
      {pipelines.data && loaded.length === 0 && query.size === 0 && (
        <EmptyState title="No pipelines yet" command="mlsys push path/to/repository">
          Tag the cells of a notebook, then push it. It appears here at once.
        </EmptyState>
      )}
      {shown.length > 0 && <Table label="Pipelines" rows={shown} columns={pipelineColumns} rowKey={(pipeline) => pipeline.id} href={(pipeline) => `/pipelines/${pipeline.id}`} />}
      <LoadMore {...pipelines} />
    </Page>
  )
}
