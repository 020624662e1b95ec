import { useId } from 'react'
import type { Column } from '../../../api'
import { controlOf, type Fields, mayBeEmpty, type Problems } from './form'

const typeWords: Record<Column['type'], string> = {
  boolean: 'true or false',
  integer: 'whole number, 32 bits',
  long: 'whole number',
  float: 'number, 32 bits',
  double: 'number',
  string: 'text',
  datetime: 'date and time, UTC',
}

interface FieldProps {
  column: Column
  value: string
  problem: string | undefined
  onChange: (text: string) => void
}

function Field({ column, value, problem, onChange }: FieldProps) {
  const id = useId()
  const control = controlOf(column)
  const common = {
    id,
    value,
    'aria-invalid': problem !== undefined,
    'aria-describedby': `${id}-help`,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
    className: 'field w-full',
  }
  const placeholder = mayBeEmpty(column) ? 'missing' : undefined
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="font-mono text-sm wrap-anywhere">
        {column.name}
      </label>
      {control === 'checkbox' ? (
        <input
          id={id}
          type="checkbox"
          className="size-5 accent-(--accent)"
          checked={value === 'true'}
          aria-invalid={problem !== undefined}
          aria-describedby={`${id}-help`}
          onChange={(event) => onChange(String(event.target.checked))}
        />
      ) : control === 'choice' ? (
        <select {...common}>
          <option value="">missing</option>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      ) : control === 'datetime' ? (
        <input {...common} type="datetime-local" step="1" />
      ) : (
        // A field of type "number" would hide what was typed wrong.
        <input {...common} type="text" inputMode={control === 'number' ? 'decimal' : 'text'} placeholder={placeholder} autoComplete="off" spellCheck={false} />
      )}
      <p id={`${id}-help`} className={problem ? 'text-sm text-danger' : 'text-sm text-muted'}>
        {problem ?? `${typeWords[column.type]}${mayBeEmpty(column) ? ', may be empty' : ''}`}
      </p>
    </div>
  )
}

interface FormFieldsProps {
  columns: readonly Column[]
  fields: Fields
  problems: Problems
  onChange: (fields: Fields) => void
}

/** One field for each column of the signature. */
export function FormFields({ columns, fields, problems, onChange }: FormFieldsProps) {
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      {columns.map((column) => (
        <Field
          key={column.name}
          column={column}
          value={fields[column.name] ?? ''}
          problem={problems[column.name]}
          onChange={(text) => onChange(Object.fromEntries([...Object.entries(fields), [column.name, text]]))}
        />
      ))}
    </div>
  )
}
