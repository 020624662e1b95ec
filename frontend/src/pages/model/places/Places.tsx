import { useState } from 'react'
import { ENVIRONMENTS, type Environment, type ModelDetail, type ModelTraffic, type TrafficPlace, useMe } from '../../../api'
import { Button, Panel } from '../../../ui'
import type { TrafficHistory } from '../traffic'
import { EndDialog, type Ending } from './EndDialog'
import { type Draft, draftOf, isOver, mayShare } from './place'
import { ShareBar } from './ShareBar'
import { ShareDialog } from './ShareDialog'
import { Trial } from './Trial'

interface PlacesProps {
  model: ModelDetail
  traffic: ModelTraffic
  history: TrafficHistory
}

/** Which versions share the requests of each environment, and the ways to change it. */
export function Places({ model, traffic, history }: PlacesProps) {
  const allowed = mayShare(useMe().data, model)
  return (
    <Panel title="Who answers" flush>
      {ENVIRONMENTS.map((environment) => (
        <section key={environment} aria-label={`Traffic in ${environment}`} className="flex flex-col gap-3 border-b border-line p-3 last:border-0">
          <Place model={model} environment={environment} place={traffic.places.find((one) => one.environment === environment)} traffic={traffic} history={history} allowed={allowed} />
        </section>
      ))}
    </Panel>
  )
}

interface PlaceProps extends PlacesProps {
  environment: Environment
  place: TrafficPlace | undefined
  allowed: boolean
}

function Place({ model, environment, place, traffic, history, allowed }: PlaceProps) {
  const [draft, setDraft] = useState<Draft | null>(null)
  const [ending, setEnding] = useState<Ending | null>(null)
  const [busy, setBusy] = useState(false)
  const heading = <h3 className="w-14 text-sm text-muted">{environment}</h3>
  if (!place) {
    return (
      <div className="flex flex-wrap items-baseline gap-x-3">
        {heading}
        <p className="text-muted">Nothing serves here.</p>
      </div>
    )
  }
  const { candidate } = place
  const tried = candidate && { ...place, candidate }
  return (
    <>
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        {heading}
        <div className="min-w-0 flex-1 basis-64">
          <ShareBar place={place} />
        </div>
        {allowed && (
          <div className="flex flex-wrap gap-2">
            {(!candidate || isOver(candidate)) && (
              <Button size="small" disabled={busy || model.versions < 2} onClick={() => setDraft(draftOf(place))}>
                {model.versions < 2 ? 'No other version to try' : 'Try a version here…'}
              </Button>
            )}
            {candidate && !isOver(candidate) && (
              <Button size="small" icon="settings" disabled={busy} onClick={() => setDraft(draftOf(place))}>
                Change…
              </Button>
            )}
            {tried && tried.candidate.verdict?.outcome !== 'withdrawn' && (
              <>
                <Button size="small" icon="up" disabled={busy} onClick={() => setEnding({ end: 'promote', place: tried })}>
                  Promote
                </Button>
                <Button size="small" icon="cross" disabled={busy} onClick={() => setEnding({ end: 'withdraw', place: tried })}>
                  Withdraw
                </Button>
              </>
            )}
          </div>
        )}
      </div>
      {tried && <Trial model={model} place={tried} traffic={traffic} history={history} allowed={allowed} busy={busy} onConfirm={(weight) => setDraft({ ...draftOf(place), weight })} />}
      <ShareDialog model={model} present={place} draft={draft} onDraft={setDraft} onBusy={setBusy} />
      <EndDialog model={model} present={place} ending={ending} onClose={() => setEnding(null)} onBusy={setBusy} />
    </>
  )
}
