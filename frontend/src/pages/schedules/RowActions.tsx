import type { Schedule } from '../../api'
import { useScheduleActions } from '../../schedules/useScheduleActions'
import { Button } from '../../ui'

/** What operators can do with a schedule from the list. */
export function RowActions({ schedule }: { schedule: Schedule }) {
  const { name, paused } = schedule
  const { run, running, pause, pausing } = useScheduleActions(schedule)
  const word = paused ? 'Resume' : 'Pause'
  return (
    // Above the row's own link.
    <span className="relative z-10 inline-flex gap-1">
      <Button size="small" icon="play" aria-label={`Run now: ${name}`} title="Run now" busy={running} onClick={run}>
        <span className="max-xl:hidden">Run now</span>
      </Button>
      <Button size="small" icon={paused ? 'skip' : 'pause'} aria-label={`${word}: ${name}`} title={word} busy={pausing} onClick={pause}>
        <span className="max-xl:hidden">{word}</span>
      </Button>
    </span>
  )
}
