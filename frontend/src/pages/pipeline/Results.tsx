import type { PipelineDetail } from '../../api'
import { cx, formatNumber, Icon, Panel } from '../../ui'
import { compare } from './compare'

/** Whether more is better is for the gates to say: only the direction is shown. */
function Difference({ value }: { value: number | null }) {
  if (value === null) return <>–</>
  if (value === 0) return <>same</>
  return (
    <span className="inline-flex items-center gap-1">
      <Icon name={value > 0 ? 'up' : 'down'} className="size-3" />
      {value > 0 ? '+' : ''}
      {formatNumber(value)}
    </span>
  )
}

export function Metrics({ pipeline }: { pipeline: PipelineDetail }) {
  const { champion } = pipeline
  const rows = compare(pipeline.metrics, champion?.metrics ?? null)
  return (
    <Panel title="Metrics" flush={rows.length > 0}>
      {rows.length === 0 ? (
        <p className="text-muted">No metrics yet. They come from the evaluation cell and from what the notebook logs to MLflow.</p>
      ) : (
        <div className="overflow-x-auto">
          <table className="w-full tabular-nums">
            <thead>
              <tr className="border-b border-line text-xs text-faint">
                <th scope="col" className="px-3 py-1.5 text-left font-medium">
                  Metric
                </th>
                <th scope="col" className="px-2 py-1.5 text-right font-medium">
                  This run
                </th>
                {champion && (
                  <th scope="col" className="px-2 py-1.5 text-right font-medium">
                    Version {champion.version}
                  </th>
                )}
                {champion && (
                  <th scope="col" className="px-3 py-1.5 text-right font-medium">
                    Difference
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.name} className="border-b border-line last:border-0">
                  <th scope="row" className="px-3 py-1 text-left font-mono text-sm font-normal wrap-anywhere">
                    {row.name}
                  </th>
                  <td className="px-2 py-1 text-right font-medium">{formatNumber(row.value)}</td>
                  {champion && <td className="px-2 py-1 text-right text-muted">{formatNumber(row.champion)}</td>}
                  {champion && (
                    <td className="px-3 py-1 text-right">
                      <Difference value={row.difference} />
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  )
}

export function Gates({ pipeline }: { pipeline: PipelineDetail }) {
  return (
    <Panel title="Gates">
      {pipeline.gates.length === 0 ? (
        <p className="text-muted">The gates have not decided. They do when the model is registered.</p>
      ) : (
        <ul className="flex flex-col gap-2">
          {pipeline.gates.map((gate, index) => (
            <li key={index} className="flex gap-2">
              <Icon name={gate.passed ? 'check' : 'cross'} className={cx('mt-0.5 size-4', gate.passed ? 'text-success' : 'text-danger')} />
              <div className="min-w-0 wrap-anywhere">
                <code className="font-mono text-sm">{gate.gate}</code>
                <span className={cx('ml-2 text-sm font-medium', gate.passed ? 'text-success' : 'text-danger')}>{gate.passed ? 'holds' : 'does not hold'}</span>
                <p className="text-sm text-muted">{gate.explanation}</p>
                {gate.file !== undefined && <p className="text-sm text-faint">demanded by {gate.file}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
