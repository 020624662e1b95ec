import { type ReactNode, useId } from 'react'
import { cx } from '../ui/cx'

interface TextFieldProps {
  label: string
  value: string
  onChange: (text: string) => void
  placeholder?: string
  suggestions?: readonly string[]
  /** What is wrong with it. */
  problem?: string | undefined
  /** What it is, while nothing is wrong. */
  help?: ReactNode
  numeric?: boolean
  /** It is shown, and can't be changed. */
  fixed?: boolean
}

/** A labelled line of text, with names to choose from and what is wrong with it. */
export function TextField({ label, value, onChange, placeholder, suggestions = [], problem, help, numeric = false, fixed = false }: TextFieldProps) {
  const id = useId()
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        className={cx('field font-mono', fixed && 'bg-canvas text-muted')}
        value={value}
        placeholder={placeholder}
        inputMode={numeric ? 'numeric' : 'text'}
        list={suggestions.length > 0 ? `${id}-known` : undefined}
        readOnly={fixed}
        maxLength={800}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-help`}
        onChange={(event) => onChange(event.target.value)}
      />
      {suggestions.length > 0 && (
        <datalist id={`${id}-known`}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
      <p id={`${id}-help`} className={cx('text-sm wrap-anywhere', problem ? 'text-danger' : 'text-muted')}>
        {problem ?? help}
      </p>
    </div>
  )
}
