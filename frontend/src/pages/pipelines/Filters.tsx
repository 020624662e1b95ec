import { useMemo, useState } from 'react'
import { listed, STATUSES, useModels, useRepos } from '../../api'
import { Button, SearchField, statusWord, useSettled } from '../../ui'
import type { FilterField } from './filters'

/** How many names are suggested while one types. */
const SUGGESTED = 10

interface FieldProps {
  value: string
  onChange: (value: string) => void
}

function RepoField({ value, onChange }: FieldProps) {
  const [typed, setTyped] = useState(value)
  const names = listed(useRepos({ search: useSettled(typed) || undefined }, SUGGESTED).data).items.map((repo) => repo.full_name)
  return <SearchField label="Repository" className="w-40 max-sm:grow" value={value} suggestions={names} onChange={onChange} onType={setTyped} />
}

function ModelField({ value, onChange }: FieldProps) {
  const [typed, setTyped] = useState(value)
  const names = listed(useModels({ search: useSettled(typed) || undefined }, SUGGESTED).data).items.map((model) => model.name)
  return <SearchField label="Model" className="w-40 max-sm:grow" value={value} suggestions={names} onChange={onChange} onType={setTyped} />
}

interface FiltersProps {
  query: URLSearchParams
  onChange: (field: FilterField, value: string) => void
  onClear: () => void
}

export function Filters({ query, onChange, onClear }: FiltersProps) {
  const value = (field: FilterField) => query.get(field) ?? ''
  const changes = useMemo(() => {
    const of = (field: FilterField) => (text: string) => onChange(field, text)
    return { search: of('search'), repo: of('repo'), branch: of('branch'), model: of('model') }
  }, [onChange])
  return (
    <search className="flex flex-wrap items-center gap-2">
      <SearchField main label="Search pipelines" placeholder="Repository, branch, notebook, commit or model" className="grow basis-48" value={value('search')} onChange={changes.search} />
      <select aria-label="Status" className="field" value={value('status')} onChange={(event) => onChange('status', event.target.value)}>
        <option value="">Any status</option>
        {STATUSES.map((status) => (
          <option key={status} value={status}>
            {statusWord(status)}
          </option>
        ))}
      </select>
      <RepoField value={value('repo')} onChange={changes.repo} />
      <SearchField label="Branch" className="w-40 max-sm:grow" value={value('branch')} onChange={changes.branch} />
      <ModelField value={value('model')} onChange={changes.model} />
      <label className="flex items-center gap-2">
        <input type="checkbox" checked={value('attention') === 'true'} onChange={(event) => onChange('attention', event.target.checked ? 'true' : '')} />
        Needs attention
      </label>
      {query.size > 0 && (
        <Button look="quiet" icon="cross" onClick={onClear}>
          Clear
        </Button>
      )}
    </search>
  )
}
