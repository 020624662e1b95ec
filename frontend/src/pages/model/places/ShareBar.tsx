import { Link } from 'react-router'
import type { TrafficCandidate, TrafficPlace } from '../../../api'
import { sharesOf } from './place'

function wordOf({ verdict, weight, shadow }: TrafficCandidate): string {
  if (verdict?.outcome === 'withdrawn') return 'taken back'
  return weight + shadow > 0 ? 'tried' : 'stands by'
}

const percent = (share: number) => `${Math.round(share * 100)} %`

/** Which versions answer, and how much of it: as a bar, and in words. */
export function ShareBar({ place }: { place: TrafficPlace }) {
  const { current, candidate } = place
  const shares = sharesOf(place)
  const parts = [
    { version: current.version, share: shares.current, color: 'bg-accent', word: '' },
    ...(candidate ? [{ version: candidate.version, share: shares.candidate, color: 'bg-warning', word: wordOf(candidate) }] : []),
  ]
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <div aria-hidden="true" className="flex h-2.5 gap-0.5 overflow-hidden rounded-full bg-raised">
        {parts.map(({ version, share, color }) => share > 0 && <span key={version} className={color} style={{ width: `${share * 100}%` }} />)}
      </div>
      <ul aria-label={`Shares in ${place.environment}`} className="flex flex-wrap gap-x-4">
        {parts.map(({ version, share, color, word }) => (
          <li key={version} className="flex items-center gap-1.5 whitespace-nowrap">
            <span aria-hidden="true" className={`size-2.5 rounded-sm ${color}`} />
            <Link to={`?version=${version}`} className="link py-px">
              Version {version}
            </Link>
            <span className="tabular-nums">{percent(share)}</span>
            {word && <span className="text-muted">{word}</span>}
          </li>
        ))}
      </ul>
    </div>
  )
}
