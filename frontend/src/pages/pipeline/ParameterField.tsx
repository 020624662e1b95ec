import { useId } from 'react'
import type { Parameter } from '../../api'
import { Badge } from '../../ui'
import type { FieldValue } from './parameters'

interface ParameterFieldProps {
  parameter: Parameter
  value: FieldValue
  problem: string | undefined
  changed: boolean
  onChange: (value: FieldValue) => void
}

/** A labelled input that fits the parameter's type. */
export function ParameterField({ parameter, value, problem, changed, onChange }: ParameterFieldProps) {
  const id = useId()
  const { name, type, source, help } = parameter
  const described = `${id}-help`
  const shared = { id, 'aria-invalid': problem !== undefined, 'aria-describedby': described }
  const text = typeof value === 'string' ? value : ''
  const label = (
    <label htmlFor={id} className="font-mono text-sm font-medium wrap-anywhere">
      {name}
    </label>
  )
  return (
    <div className="flex flex-col gap-1">
      <div className="flex flex-wrap items-center gap-2">
        {type === 'bool' && <input {...shared} type="checkbox" className="size-4" checked={value === true} onChange={(event) => onChange(event.target.checked)} />}
        {label}
        <span className="text-xs text-faint">{type === 'none' || type === 'other' ? 'any value' : type}</span>
        {changed && <Badge tone="accent">changed</Badge>}
      </div>
      {type === 'list' || type === 'dict' ? (
        <textarea {...shared} rows={Math.min(6, 1 + text.split('\n').length)} className="field font-mono text-sm" value={text} onChange={(event) => onChange(event.target.value)} />
      ) : (
        type !== 'bool' && (
          <input
            {...shared}
            type="text"
            inputMode={type === 'int' ? 'numeric' : type === 'float' ? 'decimal' : 'text'}
            autoComplete="off"
            spellCheck={false}
            className="field font-mono text-sm"
            placeholder={type === 'none' || type === 'other' ? source : ''}
            value={text}
            onChange={(event) => onChange(event.target.value)}
          />
        )
      )}
      <p id={described} className="text-xs text-muted wrap-anywhere">
        {problem && <span className="mr-2 font-medium text-danger">{problem}</span>}
        {help && <span className="mr-2">{help}.</span>}
        In the notebook: <code className="font-mono">{source.slice(0, 200)}</code>
      </p>
    </div>
  )
}
