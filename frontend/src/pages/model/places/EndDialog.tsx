import { type ModelDetail, type TrafficPlace, useEndTrial } from '../../../api'
import { Comparison } from '../Comparison'
import { Decision } from '../Decision'
import { isOutdated, isOver, type TriedPlace } from './place'

export interface Ending {
  end: 'promote' | 'withdraw'
  /** The place as it was when the dialog was opened. */
  place: TriedPlace
}

interface EndDialogProps {
  model: ModelDetail
  /** The place as it is now. */
  present: TrafficPlace | undefined
  /** Null while nothing is being decided on. */
  ending: Ending | null
  onClose: () => void
  onBusy: (busy: boolean) => void
}

function titleOf(ending: Ending): string {
  const { candidate, environment } = ending.place
  return `${wordOf(ending)} version ${candidate.version} ${ending.end === 'promote' ? 'in' : 'from'} ${environment}`
}

/** What stands by after a promotion is tried no more, so that there is nothing to withdraw. */
function wordOf({ end, place: { candidate } }: Ending): string {
  if (end === 'promote') return 'Promote'
  return isOver(candidate) ? 'Unload' : 'Withdraw'
}

/** Makes the version that is tried the deployed one, or takes it back. */
export function EndDialog({ model, present, ending, onClose, onBusy }: EndDialogProps) {
  const trial = useEndTrial(model.name)
  const make = async (confirm: { confirm?: string }): Promise<string> => {
    if (!ending) return ''
    const { environment } = ending.place
    const { current } = await trial.mutateAsync({ end: ending.end, environment, ...confirm })
    return `Version ${current.version} has ${current.weight} % of the requests in ${environment}.`
  }
  return (
    <Decision
      title={ending && titleOf(ending)}
      action={ending ? wordOf(ending) : ''}
      production={ending?.end === 'promote' && ending.place.environment === 'prod'}
      stale={ending !== null && isOutdated(ending.place, present)}
      make={make}
      onClose={onClose}
      onBusy={onBusy}
    >
      {ending?.end === 'promote' && <Promoting name={model.name} place={ending.place} />}
      {ending?.end === 'withdraw' && (
        <p>{`Version ${ending.place.current.version} answers all requests, and version ${ending.place.candidate.version} is unloaded. It stays registered, and can be tried again.`}</p>
      )}
    </Decision>
  )
}

function Promoting({ name, place: { environment, current, candidate } }: { name: string; place: TriedPlace }) {
  return (
    <>
      <Comparison name={name} change={{ to: environment, version: candidate.version, previous: current.version }} />
      <p className="text-muted">{`Version ${candidate.version} is loaded already and answers all requests at once. Version ${current.version} stands by until the next change, so that it can be put back as fast.`}</p>
    </>
  )
}
