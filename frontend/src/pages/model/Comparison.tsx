import { useVersion } from '../../api'
import { formatNumber, Skeleton } from '../../ui'
import { type Change, metricRows } from './promotion'

function signed(value: number): string {
  if (value === 0) return 'the same'
  return `${value > 0 ? '+' : '−'}${formatNumber(Math.abs(value))}`
}

function Title({ version, declared }: { version: number | null; declared: string | null | undefined }) {
  if (version === null) return 'nothing'
  return (
    <>
      version {version}
      {declared && <span className="block font-normal text-muted">{declared}</span>}
    </>
  )
}

/** The version in service and the one to come, with their metrics. */
export function Comparison({ name, change }: { name: string; change: Pick<Change, 'to' | 'version' | 'previous'> }) {
  const now = useVersion(change.previous === null ? null : name, change.previous)
  const then = useVersion(name, change.version)
  if (then.isPending || (change.previous !== null && now.isPending)) return <Skeleton lines={5} />
  const rows = metricRows(now.data?.metrics, then.data?.metrics)
  return (
    <table className="w-full tabular-nums" aria-label="What changes">
      <thead>
        <tr className="border-b border-line align-bottom text-sm">
          <th scope="col" className="py-1 text-left font-medium text-muted">
            {change.to}
          </th>
          <th scope="col" className="px-2 py-1 text-right font-medium">
            <span className="block text-xs text-faint">now</span>
            <Title version={change.previous} declared={now.data?.declared_version} />
          </th>
          <th scope="col" className="px-2 py-1 text-right font-medium">
            <span className="block text-xs text-faint">then</span>
            <Title version={change.version} declared={then.data?.declared_version} />
          </th>
          <th scope="col" className="py-1 text-right font-medium text-muted">
            Difference
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <th scope="row" className="py-0.5 text-left font-normal wrap-break-word">
              {row.name}
            </th>
            <td className="px-2 text-right">{formatNumber(row.now)}</td>
            <td className="px-2 text-right">{formatNumber(row.then)}</td>
            <td className="text-right text-muted">{row.difference === null ? '–' : signed(row.difference)}</td>
          </tr>
        ))}
        {rows.length === 0 && (
          <tr>
            <td colSpan={4} className="py-1 text-muted">
              {then.isError || now.isError ? 'The metrics could not be loaded.' : 'Neither version has metrics.'}
            </td>
          </tr>
        )}
      </tbody>
    </table>
  )
}
