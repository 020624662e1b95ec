import { type ReactNode, useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { type Environment, maySchedule, type Schedule, type TableDetail, useMe, useSchedules } from '../../api'
import { ComingTime } from '../../schedules/FiringMoment'
import { ScheduleDialog } from '../../schedules/ScheduleDialog'
import { registryTable, schedulePath } from '../../schedules/words'
import { tablePath } from '../../tables/name'
import { Button, Facts, Panel, plural, RelativeTime, StatusBadge, toast } from '../../ui'
import type { Looked } from './Registry'

function ScheduleLine({ schedule: { id, name, last_firing: last, next_firings, paused } }: { schedule: Schedule }) {
  const [next] = next_firings
  return (
    <li className="flex flex-wrap items-center gap-x-2">
      <Link to={schedulePath(id)} className="link wrap-anywhere underline">
        {name}
      </Link>
      {last && <StatusBadge status={last.status} title={last.reason ?? undefined} />}
      <span className="text-muted">
        {paused
          ? 'paused'
          : next !== undefined && (
              <>
                next: <ComingTime at={next} />
              </>
            )}
      </span>
    </li>
  )
}

/** When the bucket was looked through last, as far as that is known: by a schedule, or here. */
function lastScan(schedules: readonly Schedule[], looked: Looked | undefined): string | null {
  const ended = schedules.flatMap(({ last_firing: last }) => (last?.status === 'succeeded' && last.finished_at ? [last.finished_at] : []))
  return [...ended, ...(looked ? [looked.at] : [])].sort((one, other) => Date.parse(one) - Date.parse(other)).at(-1) ?? null
}

function problemsText(looked: Looked | undefined): string {
  if (!looked) return 'A scan tells of them'
  return looked.problems.length === 0 ? 'None' : `${plural(looked.problems.length, 'problem')}, listed below`
}

interface SummaryProps {
  environment: Environment
  /** Null: there is none. */
  table: TableDetail | null
  looked: Looked | undefined
  actions: ReactNode
}

/** The table of an environment, and what keeps it true. */
export function Summary({ environment, table, looked, actions }: SummaryProps) {
  const query = useSchedules({ kind: 'registry_scan' })
  const may = maySchedule(useMe().data)
  const navigate = useNavigate()
  const [making, setMaking] = useState(false)
  const all = query.data?.pages.flatMap((page) => page.items) ?? []
  const schedules = all.filter(({ work }) => work.kind === 'registry_scan' && work.environment === environment)
  const last = lastScan(schedules, looked)
  const name = registryTable(environment)
  return (
    <Panel
      title={`Bucket of ${environment}`}
      actions={
        <div className="flex flex-wrap gap-2">
          {/* The one that there is leads to its page. */}
          {may && !query.isPending && schedules.length === 0 && (
            <Button size="small" icon="schedules" onClick={() => setMaking(true)}>
              Make it a schedule
            </Button>
          )}
          {actions}
        </div>
      }
    >
      <Facts
        rows={[
          [
            'Table',
            table ? (
              <>
                <Link to={tablePath(name)} className="link underline">
                  {name}
                </Link>
                , version {table.version}
                {table.written_at !== null && (
                  <>
                    , written <RelativeTime at={table.written_at} />
                  </>
                )}
              </>
            ) : (
              'None yet'
            ),
          ],
          ['Last scan', last === null ? 'Not known: one that finds nothing new leaves no trace in the table' : <RelativeTime at={last} />],
          [
            'Schedules',
            query.isError ? (
              'They could not be loaded'
            ) : schedules.length === 0 ? (
              query.isPending ? (
                '…'
              ) : (
                'None: it is scanned when somebody asks for it'
              )
            ) : (
              <ul>
                {schedules.map((schedule) => (
                  <ScheduleLine key={schedule.id} schedule={schedule} />
                ))}
              </ul>
            ),
          ],
          ['Problems', problemsText(looked)],
        ]}
      />
      <ScheduleDialog
        open={may && making}
        onClose={() => setMaking(false)}
        given={{ kind: 'registry_scan', scanned: environment, cron: '0 * * * *' }}
        onSaved={(schedule) => {
          toast(`${schedule.name} is made.`, 'success')
          void navigate(schedulePath(schedule.id))
        }}
      />
    </Panel>
  )
}
