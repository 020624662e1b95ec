import { useEffect, useId, useState } from 'react'
import { STATUSES } from '../../api'
import { Button, statusWord } from '../../ui'
import type { FilterField } from './filters'

const DEBOUNCE_MS = 300

interface TextFieldProps {
  label: string
  value: string
  suggestions?: readonly string[]
  search?: boolean
  onChange: (value: string) => void
}

/** A field that reports what was typed after a short rest. */
function TextField({ label, value, suggestions = [], search = false, onChange }: TextFieldProps) {
  const id = useId()
  const [typed, setTyped] = useState(value)
  useEffect(() => setTyped(value), [value])
  useEffect(() => {
    if (typed === value) return
    const timer = setTimeout(() => onChange(typed.trim()), DEBOUNCE_MS)
    return () => clearTimeout(timer)
  }, [typed, value, onChange])
  return (
    <>
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        className={`field min-w-0 ${search ? 'grow basis-48' : 'w-40 max-sm:grow'}`}
        list={suggestions.length > 0 ? id : undefined}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        {...(search ? { 'data-search': '' } : {})}
      />
      {suggestions.length > 0 && (
        <datalist id={id}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
    </>
  )
}

interface FiltersProps {
  query: URLSearchParams
  repos: readonly string[]
  models: readonly string[]
  onChange: (field: FilterField, value: string) => void
  onClear: () => void
}

export function Filters({ query, repos, models, onChange, onClear }: FiltersProps) {
  const value = (field: FilterField) => query.get(field) ?? ''
  return (
    <search className="flex flex-wrap items-center gap-2">
      <TextField search label="Search what is loaded" value={value('text')} onChange={(text) => onChange('text', text)} />
      <select aria-label="Status" className="field" value={value('status')} onChange={(event) => onChange('status', event.target.value)}>
        <option value="">Any status</option>
        {STATUSES.map((status) => (
          <option key={status} value={status}>
            {statusWord(status)}
          </option>
        ))}
      </select>
      <TextField label="Repository" value={value('repo')} suggestions={repos} onChange={(text) => onChange('repo', text)} />
      <TextField label="Branch" value={value('branch')} onChange={(text) => onChange('branch', text)} />
      <TextField label="Model" value={value('model')} suggestions={models} onChange={(text) => onChange('model', text)} />
      {query.size > 0 && (
        <Button look="quiet" icon="cross" onClick={onClear}>
          Clear
        </Button>
      )}
    </search>
  )
}
