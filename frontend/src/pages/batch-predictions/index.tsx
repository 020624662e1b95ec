import { useCallback, useMemo, useState } from 'react'
import { useSearchParams } from 'react-router'
import { mayScore, useBatches, useMe } from '../../api'
import { BatchDialog } from '../../batch/BatchDialog'
import { Button, EmptyState, ErrorState, LoadMore, Page, Skeleton, Table } from '../../ui'
import { batchColumns } from './columns'
import { Filters } from './Filters'
import { filterOf, withField } from './filters'

export function Component() {
  const [address, setAddress] = useSearchParams()
  const filter = useMemo(() => filterOf(address), [address])
  const [starting, setStarting] = useState(address.has('new'))
  const query = useBatches(filter)
  const may = mayScore(useMe().data)
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const filtered = filter.model !== undefined || filter.status !== undefined
  const change = useCallback((field: 'status' | 'model' | 'new', value: string | null) => setAddress((old) => withField(old, field, value), { replace: true, preventScrollReset: true }), [setAddress])
  const clear = () => setAddress({}, { replace: true })
  const close = () => {
    setStarting(false)
    if (address.has('new')) change('new', null)
  }
  const start = may && (
    <Button look="primary" icon="batches" onClick={() => setStarting(true)}>
      New batch prediction
    </Button>
  )
  const none = query.data !== undefined && items.length === 0 && !filtered

  return (
    <Page title="Batch predictions" subtitle="Tables that models score, row by row, into other tables." actions={!none && start}>
      {!none && <Filters filter={filter} onChange={change} onClear={clear} />}
      {query.isPending ? (
        <Skeleton lines={8} height="h-11" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The batch predictions could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length > 0 ? (
        <Table label="Batch predictions" rows={items} columns={batchColumns} rowKey={(batch) => batch.id} href={(batch) => `/batch-predictions/${batch.id}`} />
      ) : filtered ? (
        <EmptyState title="No batch prediction matches" action={<Button onClick={clear}>Clear the filters</Button>}>
          Change or clear the filters above. A model’s name has to be whole.
        </EmptyState>
      ) : (
        <EmptyState title="No batch prediction yet" action={start}>
          A batch prediction has a deployed model score every row of a table, and writes the predictions to another one. {may ? '' : 'Operators start them.'}
        </EmptyState>
      )}
      <LoadMore {...query} />
      <BatchDialog open={may && starting} onClose={close} input={address.get('input') ?? ''} />
    </Page>
  )
}
