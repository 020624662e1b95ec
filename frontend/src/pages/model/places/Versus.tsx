import type { ModelTraffic } from '../../../api'
import { Facts, formatCount, formatNumber } from '../../../ui'
import { formatQuantile, formatRate, formatShare, pairOf, type TrafficHistory, type TrafficNumbers } from '../traffic'
import type { TriedPlace } from './place'

const signed = (value: number, text: string) => `${value < 0 ? '−' : '+'}${text}`
const times = (ratio: number | null) => (ratio === null ? '–' : `× ${formatNumber(Number(ratio.toPrecision(2)))}`)

function points(difference: number | null): string {
  if (difference === null) return '–'
  const size = formatNumber(Number((Math.abs(difference) * 100).toPrecision(2)))
  return size === '0' ? 'the same' : `${signed(difference, size)} pts`
}

interface VersusProps {
  place: TriedPlace
  traffic: ModelTraffic
  history: TrafficHistory
}

/** The current version and the one that is tried, as they did in the last minute. */
export function Versus({ place, traffic, history }: VersusProps) {
  const { current, candidate, ...differences } = pairOf(history, traffic.versions, place)
  const asked = [current, candidate].some((numbers) => numbers && numbers.errorShare !== null)
  const cells = (valueOf: (numbers: TrafficNumbers) => string): [string, string] => [current ? valueOf(current) : '–', candidate ? valueOf(candidate) : '–']
  const rows: [string, [string, string], string][] = [
    ['Requests/s', cells((numbers) => formatRate(numbers.perSecond)), ''],
    ['Errors', cells((numbers) => formatShare(numbers.errorShare)), points(differences.errors)],
    ['p50', cells((numbers) => formatQuantile(numbers.p50)), times(differences.p50)],
    ['p99', cells((numbers) => formatQuantile(numbers.p99)), times(differences.p99)],
  ]
  const versions = [place.current.version, place.candidate.version]
  const elsewhere = traffic.places.filter((one) => one.environment !== place.environment && [one.current.version, one.candidate?.version].some((version) => version && versions.includes(version)))
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <table aria-label={`Comparison in ${place.environment}`} className="w-full tabular-nums">
        <thead>
          <tr className="border-b border-line text-sm">
            <td />
            {versions.map((version) => (
              <th key={version} scope="col" className="px-1 py-1 text-right font-medium">
                v{version}
              </th>
            ))}
            <th scope="col" className="py-1 text-right font-medium text-muted">
              <span className="sr-only">Difference</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, values, difference]) => (
            <tr key={name}>
              <th scope="row" className="py-0.5 text-left font-normal">
                {name}
              </th>
              {values.map((value, column) => (
                <td key={column} className="px-1 text-right whitespace-nowrap">
                  {value}
                </td>
              ))}
              <td className="text-right whitespace-nowrap text-muted">{difference}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <ShadowFacts place={place} traffic={traffic} />
      <p className="text-sm text-muted">
        {asked ? (history.samples.size > 0 ? 'The last minute.' : 'Since the model-servers started.') : 'No request came in yet.'}
        {elsewhere.length > 0 && ` What these versions answer in ${elsewhere.map((one) => one.environment).join(' and ')} is counted in.`}
      </p>
    </div>
  )
}

/** How often unseen answers were the current version's. Only all of them are. */
function agreement(agreeing: number, rows: number): string {
  return rows === 0 ? 'No row was compared yet' : `${formatNumber(Math.floor((agreeing / rows) * 1_000) / 10)} % of ${formatCount(rows)} rows`
}

function ShadowFacts({ place: { candidate }, traffic }: Pick<VersusProps, 'place' | 'traffic'>) {
  const shadow = traffic.versions.find((one) => one.version === candidate.version)?.shadow
  if (!shadow && candidate.shadow === 0) return null
  const { rows, agreeing, errors, dropped } = shadow ?? { rows: 0, agreeing: 0, errors: 0, dropped: 0 }
  return (
    <Facts
      rows={[
        ['Shadow agrees', agreement(agreeing, rows)],
        ['Shadow failed', formatCount(errors)],
        ['Passed over', <span title="Requests that were not computed unseen, because too many waited">{formatCount(dropped)}</span>],
      ]}
    />
  )
}
