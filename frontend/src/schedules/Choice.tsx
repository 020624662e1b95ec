import { useId } from 'react'
import { cx } from '../ui/cx'
import type { Words } from './words'

interface ChoiceProps<Value extends string> {
  label: string
  value: Value
  values: readonly Value[]
  words: Record<Value, Words>
  /** What can't be chosen beside what else is. */
  unfit?: Value | undefined
  /** What is wrong with it. */
  problem?: string | undefined
  onChange: (value: Value) => void
}

/** One of a few, with a line that says what the chosen one means, or what is wrong with it. */
export function Choice<Value extends string>({ label, value, values, words, unfit, problem, onChange }: ChoiceProps<Value>) {
  const id = useId()
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id}>{label}</label>
      <select id={id} className="field" value={value} aria-invalid={problem !== undefined} aria-describedby={`${id}-means`} onChange={(event) => onChange(event.target.value as Value)}>
        {values.map((one) => (
          <option key={one} value={one} disabled={one === unfit}>
            {words[one].word}
          </option>
        ))}
      </select>
      <p id={`${id}-means`} className={cx('text-sm', problem ? 'text-danger' : 'text-muted')}>
        {problem ?? words[value].means}
      </p>
    </div>
  )
}
