import { useMemo, useState } from 'react'
import { Link, useParams, useSearchParams } from 'react-router'
import { type Firing, maySchedule, type Schedule, useFirings, useMe, useSchedule } from '../../api'
import { FiringMoment } from '../../schedules/FiringMoment'
import { NextFiringList } from '../../schedules/NextFiringList'
import { resultOf, workText } from '../../schedules/words'
import { dayIn } from '../../schedules/zone'
import { Badge, Button, ErrorState, Page, Panel, plural, Skeleton, StatusBadge, statusWord, useNow } from '../../ui'
import { Actions } from './Actions'
import { Calendar } from './Calendar'
import { byDay, coverageOf, type Day, isDay } from './days'
import { Firings } from './Firings'
import { Legend } from './Marks'
import { ScheduleSettings } from './Settings'
import { useLoaded } from './useLoaded'

function LastResult({ firing }: { firing: Firing }) {
  const result = resultOf(firing)
  const badge = <StatusBadge status={firing.status} title={firing.reason ?? undefined} />
  if (result === null) return badge
  return (
    <Link to={result.to} className="link" aria-label={`${statusWord(firing.status)}: its ${result.label.toLowerCase()}`}>
      {badge}
    </Link>
  )
}

/** What the schedule does, when, and how it is. */
function HeaderFacts({ schedule }: { schedule: Schedule }) {
  const { work, paused, description, time_zone, last_firing, waiting } = schedule
  return (
    <>
      <p className="wrap-anywhere">{workText(work)}</p>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
        {paused ? (
          <Badge tone="warning" icon="pause">
            Paused
          </Badge>
        ) : (
          <Badge tone="success" icon="check">
            Active
          </Badge>
        )}
        <span>{`${description.replace(/\.$/, '')}, ${time_zone}`}</span>
        {last_firing && (
          <span>
            <span className="text-faint">last: </span>
            <LastResult firing={last_firing} />
          </span>
        )}
        {waiting > 0 && <span>{plural(waiting, 'firing')} under way</span>}
      </div>
    </>
  )
}

function Next({ schedule }: { schedule: Schedule }) {
  const { paused, next_firings, time_zone } = schedule
  return (
    <Panel title="Next firings">
      {paused ? (
        <p className="text-muted">None: it is paused. It still fires when somebody runs it.</p>
      ) : next_firings.length === 0 ? (
        <p className="text-warning">No such moment comes any more.</p>
      ) : (
        <NextFiringList moments={next_firings} zone={time_zone} />
      )}
    </Panel>
  )
}

/** What the schedule did, as a calendar and as a list. */
function Past({ schedule }: { schedule: Schedule }) {
  const { time_zone: zone, next_firings } = schedule
  const [address, setAddress] = useSearchParams()
  const named = address.get('day')
  const chosen = isDay(named) ? named : null
  const today = dayIn(useNow('slow'), zone)
  const [looked, setLooked] = useState<Day>(chosen ?? today)
  const query = useFirings(schedule)
  const { firings, loadedDownTo, short } = useLoaded(query, looked, zone)
  const days = useMemo(() => byDay(firings, next_firings, zone), [firings, next_firings, zone])
  const choose = (day: Day | null) =>
    setAddress(
      (old) => {
        const next = new URLSearchParams(old)
        if (day === null) next.delete('day')
        else next.set('day', day)
        return next
      },
      { replace: true, preventScrollReset: true },
    )

  if (query.isPending) return <Skeleton lines={10} height="h-8" />
  if (query.isError && !query.data) return <ErrorState error={query.error} title="The firings could not be loaded" onRetry={() => void query.refetch()} />
  const listed = chosen === null ? firings : firings.filter((firing) => dayIn(Date.parse(firing.scheduled_for), zone) === chosen)
  return (
    <>
      <Panel title="Calendar">
        <div className="flex flex-col gap-2">
          <Calendar today={today} days={days} zone={zone} loadedDownTo={loadedDownTo} chosen={chosen} onChoose={choose} onLook={setLooked} />
          {short && loadedDownTo !== null && (
            <p className="flex flex-wrap items-center gap-2 text-sm text-warning">
              Firings before <FiringMoment at={loadedDownTo} zone={zone} /> are not loaded.
              <Button size="small" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                Load older ones
              </Button>
            </p>
          )}
          <Legend planned={next_firings.length} />
          <p className="text-sm text-muted">{`Days are those of ${zone}. Choose one to list its firings alone.`}</p>
        </div>
      </Panel>
      <section aria-labelledby="firings" className="flex flex-col gap-2">
        <h2 id="firings" className="text-base">
          Firings
        </h2>
        <Firings
          key={chosen}
          firings={listed}
          zone={zone}
          day={chosen}
          onAll={() => choose(null)}
          more={query.hasNextPage && (chosen === null || coverageOf(chosen, loadedDownTo, zone) !== 'all')}
          loading={query.isFetchingNextPage}
          onMore={() => void query.fetchNextPage()}
        />
      </section>
    </>
  )
}

function ScheduleView({ schedule }: { schedule: Schedule }) {
  const may = maySchedule(useMe().data)
  return (
    <Page title={schedule.name} subtitle={<HeaderFacts schedule={schedule} />} actions={may && <Actions schedule={schedule} />}>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <ScheduleSettings schedule={schedule} />
        <Next schedule={schedule} />
      </div>
      <Past schedule={schedule} />
    </Page>
  )
}

export function Component() {
  const { id = '' } = useParams()
  const query = useSchedule(id)
  if (query.data) return <ScheduleView key={id} schedule={query.data} />
  return <Page title="Schedule">{query.isError ? <ErrorState error={query.error} title="The schedule could not be loaded" onRetry={() => void query.refetch()} /> : <Skeleton lines={12} />}</Page>
}
