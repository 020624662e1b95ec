import { useCallback, useMemo, useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { maySchedule, SCHEDULE_KINDS, useMe, useSchedules } from '../../api'
import { ScheduleDialog } from '../../schedules/ScheduleDialog'
import { KIND_WORDS, schedulePath } from '../../schedules/words'
import { Button, EmptyState, ErrorState, LoadMore, Page, Skeleton, Table, toast } from '../../ui'
import { scheduleColumns } from './columns'
import { filterOf, withField } from './filters'

export function Component() {
  const [address, setAddress] = useSearchParams()
  const navigate = useNavigate()
  const filter = useMemo(() => filterOf(address), [address])
  const [making, setMaking] = useState(address.has('new'))
  const query = useSchedules(filter)
  const may = maySchedule(useMe().data)
  const columns = useMemo(() => scheduleColumns(may), [may])
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const filtered = filter.kind !== undefined
  const change = useCallback((field: 'kind' | 'new', value: string | null) => setAddress((old) => withField(old, field, value), { replace: true, preventScrollReset: true }), [setAddress])
  const clear = () => setAddress({}, { replace: true })
  const close = () => {
    setMaking(false)
    if (address.has('new')) change('new', null)
  }
  const make = may && (
    <Button look="primary" icon="schedules" onClick={() => setMaking(true)}>
      New schedule
    </Button>
  )
  const none = query.data !== undefined && items.length === 0 && !filtered

  return (
    <Page title="Schedules" subtitle="What happens by itself, again and again." actions={!none && make}>
      {!none && (
        <search className="flex flex-wrap items-center gap-2">
          <select aria-label="Kind" className="field" value={filter.kind ?? ''} onChange={(event) => change('kind', event.target.value || null)}>
            <option value="">Any kind</option>
            {SCHEDULE_KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {KIND_WORDS[kind].word}
              </option>
            ))}
          </select>
          {filtered && (
            <Button look="quiet" icon="cross" onClick={clear}>
              Clear
            </Button>
          )}
        </search>
      )}
      {query.isPending ? (
        <Skeleton lines={6} height="h-11" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The schedules could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length > 0 ? (
        <Table label="Schedules" rows={items} columns={columns} rowKey={(schedule) => schedule.id} href={(schedule) => schedulePath(schedule.id)} />
      ) : filtered ? (
        <EmptyState title="No schedule is of this kind" action={<Button onClick={clear}>Show all schedules</Button>} />
      ) : (
        <EmptyState title="No schedule yet" command="mlsys schedules create --help" action={make}>
          A schedule has a table scored, a notebook run again, old data removed or a bucket looked through at the times that you name: every night, say. {may ? '' : 'Operators make them.'}
        </EmptyState>
      )}
      <LoadMore {...query} />
      <ScheduleDialog
        open={may && making}
        onClose={close}
        onSaved={(schedule) => {
          toast(`${schedule.name} is made.`, 'success')
          // The dialog goes with the page that it is on: closed before, it might write an address of its own.
          void navigate(schedulePath(schedule.id))
        }}
      />
    </Page>
  )
}
