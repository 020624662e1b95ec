import { useCallback, useState } from 'react'
import { BATCH_STATUSES, type BatchFilter, listed, useModels } from '../../api'
import { Button, SearchField, statusWord, useSettled } from '../../ui'

/** How many names are suggested while one types. */
const SUGGESTED = 10

interface FiltersProps {
  filter: BatchFilter
  onChange: (field: 'status' | 'model', value: string | null) => void
  onClear: () => void
}

export function Filters({ filter, onChange, onClear }: FiltersProps) {
  const [typed, setTyped] = useState(filter.model ?? '')
  const names = listed(useModels({ search: useSettled(typed) || undefined }, SUGGESTED).data).items.map((model) => model.name)
  const find = useCallback((text: string) => onChange('model', text || null), [onChange])
  return (
    <search className="flex flex-wrap items-center gap-2">
      <SearchField main label="Only of one model" placeholder="Model, in full" className="w-full sm:max-w-xs" value={filter.model ?? ''} suggestions={names} onChange={find} onType={setTyped} />
      <select aria-label="Status" className="field" value={filter.status ?? ''} onChange={(event) => onChange('status', event.target.value || null)}>
        <option value="">Any status</option>
        {BATCH_STATUSES.map((status) => (
          <option key={status} value={status}>
            {statusWord(status)}
          </option>
        ))}
      </select>
      {(filter.model ?? filter.status) && (
        <Button look="quiet" icon="cross" onClick={onClear}>
          Clear
        </Button>
      )}
    </search>
  )
}
