import { Badge } from '../ui/StatusBadge'
import { ComingTime, FiringMoment } from './FiringMoment'
import { minutesAhead } from './zone'

/** Moments to come, in the zone of the schedule; where its clocks change in between, that is said. */
export function NextFiringList({ moments, zone }: { moments: readonly string[]; zone: string }) {
  return (
    <ol aria-label="Next firings" className="flex flex-col gap-0.5">
      {moments.map((at, index) => {
        const before = moments[index - 1]
        const moved = before === undefined ? 0 : minutesAhead(Date.parse(at), zone) - minutesAhead(Date.parse(before), zone)
        return (
          <li key={at} className="flex flex-wrap items-center gap-x-3">
            <FiringMoment at={at} zone={zone} />
            <span className="text-sm text-muted">
              <ComingTime at={at} />
            </span>
            {moved !== 0 && (
              <Badge tone="warning" icon="clock">
                {`Clocks go ${moved > 0 ? 'forward' : 'back'} before it`}
              </Badge>
            )}
          </li>
        )
      })}
    </ol>
  )
}
