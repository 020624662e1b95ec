import { Link } from 'react-router'
import type { Firing, Schedule } from '../../api'
import { ComingTime, FiringMoment } from '../../schedules/FiringMoment'
import { resultOf, sourceText, workText } from '../../schedules/words'
import { Badge, RelativeTime, StatusBadge, statusWord, type TableColumn } from '../../ui'
import { RowActions } from './RowActions'

function Paused() {
  return (
    <Badge tone="warning" icon="pause">
      Paused
    </Badge>
  )
}

/** When it comes next: how long that is, and the moment itself. */
function NextFiring({ schedule }: { schedule: Schedule }) {
  const [next] = schedule.next_firings
  if (schedule.paused) return <Paused />
  if (next === undefined) return <span className="text-faint">none</span>
  return (
    <>
      <ComingTime at={next} />
      <FiringMoment at={next} zone={schedule.time_zone} className="block text-sm text-muted" />
    </>
  )
}

/** How the newest firing went, and the way to what it began. */
function LastResult({ firing, name }: { firing: Firing | null; name: string }) {
  if (firing === null) return <span className="text-faint">none yet</span>
  const result = resultOf(firing)
  const badge = <StatusBadge status={firing.status} title={firing.reason ?? undefined} />
  return (
    <>
      {result ? (
        // Above the row's own link.
        <Link to={result.to} className="link relative z-10 inline-block min-h-6" aria-label={`${statusWord(firing.status)}: ${result.label.toLowerCase()} of ${name}`}>
          {badge}
        </Link>
      ) : (
        badge
      )}
      <span className="block text-sm text-muted">
        <RelativeTime at={firing.created_at} />
      </span>
    </>
  )
}

/** The columns of the list of schedules; what changes them is for those who may. */
export function scheduleColumns(may: boolean): readonly TableColumn<Schedule>[] {
  const columns: TableColumn<Schedule>[] = [
    {
      key: 'name',
      header: 'Schedule',
      className: 'w-full max-w-0 truncate',
      cell: (schedule) => (
        <>
          {schedule.name}
          <span className="block truncate text-sm font-normal text-muted" title={workText(schedule.work)}>
            {workText(schedule.work)}
          </span>
          <span className="block truncate text-sm font-normal text-muted md:hidden">{schedule.description}</span>
          {schedule.source && <span className="block truncate text-sm font-normal text-faint">{sourceText(schedule.source)}</span>}
        </>
      ),
    },
    {
      key: 'when',
      header: 'When',
      from: 'md',
      className: 'min-w-44',
      cell: ({ description, cron, time_zone }) => (
        <>
          {description}
          <span className="block text-sm text-muted">
            <code className="font-mono whitespace-nowrap">{cron}</code> {time_zone}
          </span>
        </>
      ),
    },
    { key: 'next', header: 'Next firing', from: 'sm', className: 'whitespace-nowrap', cell: (schedule) => <NextFiring schedule={schedule} /> },
    {
      key: 'last',
      header: 'Last result',
      className: 'whitespace-nowrap',
      cell: (schedule) => (
        <>
          <LastResult firing={schedule.last_firing} name={schedule.name} />
          {schedule.paused && (
            <span className="block sm:hidden">
              <Paused />
            </span>
          )}
        </>
      ),
    },
  ]
  const actions: TableColumn<Schedule> = { key: 'actions', header: <span className="sr-only">Actions</span>, align: 'right', cell: (schedule) => <RowActions schedule={schedule} /> }
  return may ? [...columns, actions] : columns
}
