import { useId, useMemo } from 'react'
import type { NextFirings } from '../api/types'
import { TextField } from '../batch/TextField'
import { Button } from '../ui/Button'
import { cx } from '../ui/cx'
import { Skeleton } from '../ui/Skeleton'
import { ErrorState } from '../ui/States'
import type { ScheduleDraft, ScheduleProblems } from './form'
import { NextFiringList } from './NextFiringList'
import { PRESETS } from './words'
import { ownZone, timeZones } from './zone'

interface PatternFieldsProps {
  draft: ScheduleDraft
  problems: ScheduleProblems
  pattern: { next: (NextFirings & { time_zone: string }) | null | undefined; error: Error | null; looking: boolean }
  onChange: (change: Partial<ScheduleDraft>) => void
}

/** The zones, by the continent that their names begin with. */
function grouped(zones: readonly string[]): [string, string[]][] {
  const groups = new Map<string, string[]>()
  for (const zone of zones) {
    const group = zone.includes('/') ? (zone.split('/')[0] ?? '') : ''
    groups.set(group, [...(groups.get(group) ?? []), zone])
  }
  return [...groups]
}

function ZoneField({ zone, problem, onChange }: { zone: string; problem: string | undefined; onChange: (zone: string) => void }) {
  const id = useId()
  const groups = useMemo(() => grouped(timeZones(ownZone(), zone)), [zone])
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id}>Time zone</label>
      <select id={id} className="field" value={zone} aria-invalid={problem !== undefined} aria-describedby={`${id}-help`} onChange={(event) => onChange(event.target.value)}>
        {groups.map(([group, zones]) => {
          const options = zones.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))
          return group === '' ? (
            options
          ) : (
            <optgroup key={group} label={group}>
              {options}
            </optgroup>
          )
        })}
      </select>
      <p id={`${id}-help`} className={cx('text-sm', problem ? 'text-danger' : 'text-muted')}>
        {problem ?? 'Whose clocks the pattern means.'}
      </p>
    </div>
  )
}

function Preview({ problems, pattern: { next, error, looking } }: Pick<PatternFieldsProps, 'problems' | 'pattern'>) {
  if (problems.cron !== undefined || problems.zone !== undefined) return <p className="text-muted">When it would fire shows here, once the pattern and its time zone can be read.</p>
  if (error) return <ErrorState error={error} title="The next firings could not be asked for" />
  if (!next) return looking ? <Skeleton lines={6} /> : <p className="text-muted">When it would fire shows here.</p>
  return (
    <>
      <p className="pb-2 font-medium">{next.description}</p>
      {next.next_firings.length > 0 ? <NextFiringList moments={next.next_firings} zone={next.time_zone} /> : <p className="text-warning">No such moment comes any more.</p>}
    </>
  )
}

/** When it fires: the pattern, the clocks that it means, and what comes of both. */
export function PatternFields({ draft, problems, pattern, onChange }: PatternFieldsProps) {
  return (
    <>
      <fieldset aria-label="Presets" className="flex flex-wrap gap-1.5">
        {PRESETS.map(({ label, cron }) => (
          <Button key={cron} size="small" aria-pressed={draft.cron.trim() === cron} title={cron} onClick={() => onChange({ cron })}>
            {label}
          </Button>
        ))}
      </fieldset>
      <div className="grid gap-x-3 gap-y-1 sm:grid-cols-2">
        <TextField
          label="Cron pattern"
          value={draft.cron}
          placeholder="30 2 * * *"
          problem={problems.cron}
          help="Minute, hour, day of the month, month, day of the week; or @daily."
          onChange={(cron) => onChange({ cron })}
        />
        <ZoneField zone={draft.zone} problem={problems.zone} onChange={(zone) => onChange({ zone })} />
      </div>
      <section aria-label="Preview of the next firings" aria-live="polite" aria-busy={pattern.looking} className="min-h-72 rounded-md border border-line bg-canvas p-3">
        <Preview problems={problems} pattern={pattern} />
      </section>
    </>
  )
}
