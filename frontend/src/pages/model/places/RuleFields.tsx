import { type InputHTMLAttributes, useId } from 'react'
import { type RuleTexts, ruleTexts } from './place'

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'> {
  label: string
  unit: string
  help: string
  value: string
  onChange: (text: string) => void
}

function NumberField({ label, unit, help, onChange, ...rest }: FieldProps) {
  const id = useId()
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id}>{label}</label>
      <span className="flex items-center gap-2">
        <input id={id} type="number" step="any" aria-describedby={`${id}-help`} className="field w-24 text-right tabular-nums" onChange={(event) => onChange(event.target.value)} {...rest} />
        <span className="min-w-0 text-muted">{unit}</span>
      </span>
      <span id={`${id}-help`} className="text-sm text-muted">
        {help}
      </span>
    </div>
  )
}

/** The rules that every candidate keeps to. */
const NUMBERS = [
  { key: 'requests', label: 'Decide after', unit: 'requests', help: 'Nothing is said of the version before it has answered so many, or computed so many rows unseen.', min: 1, step: 1 },
  { key: 'minutes', label: 'Wait at most', unit: 'minutes', help: 'If there were too few requests by then, it stays as it is until somebody decides.', min: 1, max: 43_200, step: 1 },
  { key: 'errors', label: 'Errors, at most', unit: 'points more', help: '1: if 2 of 100 requests fail with the current version, 3 may fail with this one.', min: 0, max: 100 },
  { key: 'latency', label: 'Latency, at most', unit: 'times the current', help: '1.5: it may take half as long again as the current version.', min: 0.01 },
] as const

interface RuleFieldsProps {
  /** Null: a person decides. */
  rules: RuleTexts | null
  /** Whether there are shadow answers that can agree. */
  compared: boolean
  onChange: (rules: RuleTexts | null) => void
}

/** When a candidate is promoted or taken back without a person. */
export function RuleFields({ rules, compared, onChange }: RuleFieldsProps) {
  const id = useId()
  const change = (part: Partial<RuleTexts>) => rules && onChange({ ...rules, ...part })
  return (
    <div className="flex flex-col gap-3 rounded-lg border border-line p-3">
      <label className="flex items-start gap-2">
        <input
          type="checkbox"
          checked={rules !== null}
          onChange={(event) => onChange(event.target.checked ? ruleTexts(null) : null)}
          aria-expanded={rules !== null}
          aria-controls={id}
          className="mt-1 size-4 accent-(--accent)"
        />
        <span>
          Let rules decide
          <span className="block text-sm text-muted">The version is taken back by itself as soon as it does worse than the current one. Without rules a person decides.</span>
        </span>
      </label>
      <div id={id} hidden={rules === null} className="grid gap-3 sm:grid-cols-2">
        {rules && (
          <>
            {NUMBERS.map(({ key, ...field }) => (
              <NumberField key={key} {...field} value={rules[key]} onChange={(text) => change({ [key]: text })} required />
            ))}
            <NumberField
              label="Agreement, at least"
              unit="% of shadow answers"
              help={compared ? 'How many of its unseen answers must be the current version’s. Empty: they need not agree.' : 'Only with a shadow: without one there are no answers to compare.'}
              value={compared ? rules.agreement : ''}
              onChange={(agreement) => change({ agreement })}
              min={0}
              max={100}
              disabled={!compared}
            />
            <label className="flex flex-col gap-1">
              If it keeps to all of them
              <select className="field" value={rules.pass} onChange={(event) => change({ pass: event.target.value as RuleTexts['pass'] })}>
                <option value="keep">leave it to a person</option>
                <option value="promote">promote it</option>
              </select>
            </label>
          </>
        )}
      </div>
    </div>
  )
}
