import type { ModelManifest, Prediction } from '../../../api'
import { formatNumber, plural } from '../../../ui'
import { percentOf, sharesOf, valueText } from './answer'

const ROWS = 50

function Bars({ prediction }: { prediction: Prediction }) {
  const shares = sharesOf(prediction, 0)
  if (shares.length === 0) return null
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1">
      {shares.map(({ label, share }) => (
        <div key={label} className="contents">
          <dt className="max-w-40 truncate" title={label}>
            {label}
          </dt>
          <dd aria-hidden="true" className="h-3 overflow-hidden rounded-sm bg-raised">
            <div className="h-full bg-accent" style={{ width: `${Math.min(1, share) * 100}%` }} />
          </dd>
          <dd className="text-right tabular-nums">{percentOf(share)}</dd>
        </div>
      ))}
    </dl>
  )
}

function Rows({ prediction }: { prediction: Prediction }) {
  const { predictions, probabilities } = prediction
  return (
    <div className="max-h-80 overflow-auto">
      <table className="w-full tabular-nums" aria-label="Predictions">
        <thead>
          <tr className="text-left text-xs text-faint">
            <th scope="col" className="font-medium">
              Row
            </th>
            <th scope="col" className="font-medium">
              Prediction
            </th>
            {probabilities && (
              <th scope="col" className="text-right font-medium">
                Probability
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {predictions.slice(0, ROWS).map((value, row) => (
            <tr key={row}>
              <td className="text-muted">{row + 1}</td>
              <td className="wrap-anywhere">{valueText(value)}</td>
              {probabilities && <td className="text-right">{percentOf(Math.max(0, ...(probabilities[row] ?? [])))}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {predictions.length > ROWS && <p className="text-muted">and {plural(predictions.length - ROWS, 'more row')}</p>}
    </div>
  )
}

interface AnswerProps {
  prediction: Prediction
  milliseconds: number
  task: ModelManifest['task']
}

/** What the model says. */
export function AnswerView({ prediction, milliseconds, task }: AnswerProps) {
  const single = prediction.predictions.length === 1
  return (
    <div className="flex flex-col gap-3">
      {single ? (
        <>
          <p>
            <span className="block text-sm text-muted">{task === 'classification' ? 'Label' : 'Value'}</span>
            <output className="text-2xl font-semibold wrap-anywhere">{valueText(prediction.predictions[0])}</output>
          </p>
          <Bars prediction={prediction} />
        </>
      ) : (
        <Rows prediction={prediction} />
      )}
      <p className="text-sm text-muted">
        Version {prediction.model_version} answered in {formatNumber(Number(milliseconds.toPrecision(2)))} ms, as this browser measured it.
      </p>
    </div>
  )
}
