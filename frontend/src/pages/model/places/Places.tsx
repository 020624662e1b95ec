import { useEffect, useRef, useState } from 'react'
import { ENVIRONMENTS, type Environment, type ModelDetail, type ModelTraffic, useMe } from '../../../api'
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
        <Place key={environment} model={model} environment={environment} traffic={traffic} history={history} allowed={allowed} />
      ))}
    </Panel>
  )
}

interface PlaceProps extends PlacesProps {
  environment: Environment
  allowed: boolean
}

function Place({ model, environment, traffic, history, allowed }: PlaceProps) {
  const section = useRef<HTMLElement>(null)
  const [draft, setDraft] = useState<Draft | null>(null)
  const [ending, setEnding] = useState<Ending | null>(null)
  const [busy, setBusy] = useState(false)
  const place = traffic.places.find((one) => one.environment === environment)
  const candidate = place?.candidate
  const deciding = draft !== null || ending !== null
  const decided = useRef(false)
  useEffect(() => {
    if (deciding) decided.current = true
    // The button that opened the dialog may go with the version that it was for.
    else if (decided.current && document.activeElement === document.body) section.current?.focus({ preventScroll: true })
  }, [deciding, candidate?.version])
  const tried = place && candidate && { ...place, candidate }
  return (
    <section ref={section} tabIndex={-1} aria-label={`Traffic in ${environment}`} className="flex flex-col gap-3 border-b border-line p-3 last:border-0">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <h3 className="w-14 text-sm text-muted">{environment}</h3>
        <div className="min-w-0 flex-1 basis-64">{place ? <ShareBar place={place} /> : <p className="text-muted">Nothing serves here.</p>}</div>
        {place && allowed && (
          <div className="flex flex-wrap gap-2">
            {candidate && !isOver(candidate) ? (
              <Button size="small" icon="settings" disabled={busy} onClick={() => setDraft(draftOf(place, model.environments))}>
                Change…
              </Button>
            ) : (
              <Button size="small" disabled={busy || model.versions < 2} onClick={() => setDraft(draftOf(place, model.environments))}>
                {model.versions < 2 ? 'No other version to try' : 'Try a version here…'}
              </Button>
            )}
            {tried && !isOver(tried.candidate) && (
              <Button size="small" icon="up" disabled={busy} onClick={() => setEnding({ end: 'promote', place: tried })}>
                Promote
              </Button>
            )}
            {tried && tried.candidate.verdict?.outcome !== 'withdrawn' && (
              <Button size="small" icon="cross" disabled={busy} onClick={() => setEnding({ end: 'withdraw', place: tried })}>
                {isOver(tried.candidate) ? 'Unload' : 'Withdraw'}
              </Button>
            )}
          </div>
        )}
      </div>
      {tried && (
        <Trial model={model} place={tried} traffic={traffic} history={history} allowed={allowed} busy={busy} onConfirm={(weight) => setDraft({ ...draftOf(tried, model.environments), weight })} />
      )}
      <ShareDialog model={model} present={place} draft={draft} onDraft={setDraft} onBusy={setBusy} />
      <EndDialog model={model} present={place} ending={ending} onClose={() => setEnding(null)} onBusy={setBusy} />
    </section>
  )
}
