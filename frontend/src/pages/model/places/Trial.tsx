import { type FormEvent, useState } from 'react'
import { type ModelDetail, type ModelTraffic, type TrafficCandidate, useChangeTraffic } from '../../../api'
import { Badge, Button, type IconName, RelativeTime, type Tone } from '../../../ui'
import { Refusal } from '../Decision'
import type { TrafficHistory } from '../traffic'
import { PercentField } from './PercentField'
import { isOver, ruleWords, stateOf, type TriedPlace, takesWord } from './place'
import { Versus } from './Versus'

const OUTCOMES: Record<NonNullable<TrafficCandidate['verdict']>['outcome'], { word: string; tone: Tone; icon: IconName }> = {
  waiting: { word: 'Waits', tone: 'accent', icon: 'clock' },
  promoted: { word: 'Promoted', tone: 'success', icon: 'check' },
  withdrawn: { word: 'Taken back', tone: 'danger', icon: 'cross' },
  kept: { word: 'Left to a person', tone: 'warning', icon: 'info' },
}

function Verdict({ place: { current, candidate } }: { place: TriedPlace }) {
  const { verdict, rules } = candidate
  if (!verdict) return rules && <p className="text-muted">The rules have not been looked at yet.</p>
  const { word, tone, icon } = OUTCOMES[verdict.outcome]
  return (
    <p className="wrap-anywhere">
      <Badge tone={tone} icon={icon}>
        {word}
      </Badge>{' '}
      {/* What was promoted is the current version by now. */}
      {`Version ${verdict.outcome === 'promoted' ? current.version : candidate.version}: ${verdict.reason} `}
      <span className="text-muted">
        <RelativeTime at={verdict.at} />
      </span>
    </p>
  )
}

interface TrialProps {
  model: ModelDetail
  place: TriedPlace
  traffic: ModelTraffic
  history: TrafficHistory
  /** Whether whoever looks may change it. */
  allowed: boolean
  busy: boolean
  /** Production takes a word, which is asked for in the dialog. */
  onConfirm: (weight: number) => void
}

/** A version that is tried at a place: what it has, what its rules say, and how it does beside the current one. */
export function Trial({ model, place, traffic, history, allowed, busy, onConfirm }: TrialProps) {
  const { candidate } = place
  return (
    <div className="grid gap-x-8 gap-y-3 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-3">
        <p>
          {stateOf(candidate)}{' '}
          {!isOver(candidate) && (
            <span className="text-muted">
              Begun by {candidate.by} <RelativeTime at={candidate.since} />.
            </span>
          )}
        </p>
        <div role="status" className="empty:hidden">
          <Verdict place={place} />
        </div>
        {candidate.rules && <p className="text-sm text-muted">{ruleWords(candidate.rules)}</p>}
        {allowed && !isOver(candidate) && <WeightForm key={`${candidate.version} ${candidate.since}`} name={model.name} place={place} busy={busy} onConfirm={onConfirm} />}
      </div>
      {!isOver(candidate) && <Versus place={place} traffic={traffic} history={history} />}
    </div>
  )
}

function WeightForm({ name, place, busy, onConfirm }: { name: string; place: TriedPlace; busy: boolean; onConfirm: (weight: number) => void }) {
  const { candidate, environment } = place
  const change = useChangeTraffic(name)
  // Null: what the server says.
  const [wanted, setWanted] = useState<number | null>(null)
  const weight = wanted ?? candidate.weight
  const apply = (event: FormEvent) => {
    event.preventDefault()
    if (takesWord({ place, weight })) {
      setWanted(null)
      return onConfirm(weight)
    }
    const { version, shadow, rules } = candidate
    change.mutate({ environment, version, weight, shadow, rules }, { onSuccess: () => setWanted(null) })
  }
  return (
    <form aria-label={`Share of version ${candidate.version} in ${environment}`} onSubmit={apply} className="flex flex-col gap-2">
      <div className="flex flex-wrap items-end gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-48">
          <PercentField label={`Share of version ${candidate.version}`} value={weight} onChange={setWanted} />
        </div>
        <Button type="submit" busy={change.isPending} disabled={busy || weight === candidate.weight}>
          Apply
        </Button>
      </div>
      {change.isError && <Refusal error={change.error} />}
    </form>
  )
}
