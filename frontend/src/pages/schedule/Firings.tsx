import { useMemo, useState } from 'react'
import { Link } from 'react-router'
import { type Firing, isUnderWay } from '../../api'
import { FiringMoment } from '../../schedules/FiringMoment'
import { CAUSES, resultOf } from '../../schedules/words'
import { Button, Duration, EmptyState, LoadMore, plural, RelativeTime, StatusBadge, Table, type TableColumn } from '../../ui'
import { type Day, dayName } from './days'

/** How many are shown at once: what the calendar has loaded may be a thousand. */
const SHOWN = 50

const columnsOf = (zone: string): TableColumn<Firing>[] => [
  {
    key: 'for',
    header: 'Scheduled for',
    className: 'sm:whitespace-nowrap',
    cell: (firing) => (
      <>
        <FiringMoment at={firing.scheduled_for} zone={zone} />
        {firing.reason !== null && <span className="block text-sm text-muted wrap-anywhere sm:hidden">{firing.reason}</span>}
      </>
    ),
  },
  { key: 'cause', header: 'Cause', from: 'md', className: 'whitespace-nowrap', cell: (firing) => CAUSES[firing.cause] },
  { key: 'status', header: 'Status', cell: (firing) => <StatusBadge status={firing.status} /> },
  {
    key: 'reason',
    header: 'Reason',
    from: 'sm',
    className: 'w-full wrap-anywhere',
    cell: (firing) => (firing.reason === null ? <span className="text-faint">–</span> : <span className={firing.status === 'failed' ? 'text-danger' : 'text-muted'}>{firing.reason}</span>),
  },
  {
    key: 'result',
    header: 'Result',
    className: 'sm:whitespace-nowrap',
    cell: (firing) => {
      const result = resultOf(firing)
      return result ? (
        <Link to={result.to} className="link">
          {result.label}
        </Link>
      ) : (
        <span className="text-faint">–</span>
      )
    },
  },
  { key: 'started', header: 'Started', from: 'lg', align: 'right', className: 'whitespace-nowrap', cell: (firing) => <RelativeTime at={firing.started_at} /> },
  {
    key: 'took',
    header: 'Took',
    from: 'md',
    align: 'right',
    className: 'whitespace-nowrap',
    cell: (firing) => <Duration from={firing.started_at} to={firing.finished_at} ticking={isUnderWay(firing.status)} />,
  },
]

interface FiringsProps {
  /** Those that are loaded, the newest moments first; of the chosen day alone, if there is one. */
  firings: readonly Firing[]
  zone: string
  day: Day | null
  onAll: () => void
  /** Whether others are to be loaded that belong here. */
  more: boolean
  loading: boolean
  onMore: () => void
}

/** What the schedule has done, moment by moment. */
export function Firings({ firings, zone, day, onAll, more, loading, onMore }: FiringsProps) {
  const columns = useMemo(() => columnsOf(zone), [zone])
  const [shown, setShown] = useState(SHOWN)
  const next = () => {
    if (shown + SHOWN > firings.length && more) onMore()
    setShown(shown + SHOWN)
  }
  return (
    <div className="flex flex-col gap-2">
      <div role="status">
        {day !== null && (
          <p className="flex flex-wrap items-center gap-2">
            {`${dayName(day)}: ${plural(firings.length, 'firing')}${more ? ' loaded so far' : ''}`}
            <Button size="small" onClick={onAll}>
              Show all days
            </Button>
          </p>
        )}
      </div>
      {firings.length > 0 ? (
        <Table label="Firings" rows={firings.slice(0, shown)} columns={columns} rowKey={(firing) => firing.id} />
      ) : (
        !more && <EmptyState title={day === null ? 'It has not fired yet' : 'It did not fire on this day'} />
      )}
      <LoadMore hasNextPage={shown < firings.length || more} isFetchingNextPage={loading} fetchNextPage={next} />
    </div>
  )
}
