import { type PipelineFilter, STATUSES } from '../../api'

const FIELDS = ['search', 'status', 'repo', 'branch', 'model'] as const

export type FilterField = (typeof FIELDS)[number] | 'attention'

/** The filter that an address names. */
export function filterOf(query: URLSearchParams): PipelineFilter {
  const filter: PipelineFilter = {}
  for (const field of FIELDS) {
    const value = query.get(field)?.trim()
    if (!value || (field === 'status' && !STATUSES.some((status) => status === value))) continue
    filter[field] = value
  }
  if (query.get('attention') === 'true') filter.attention = true
  return filter
}

/** The address with one field changed; empty takes it away. */
export function withField(query: URLSearchParams, field: FilterField, value: string): URLSearchParams {
  const next = new URLSearchParams(query)
  if (value === '') next.delete(field)
  else next.set(field, value)
  return next
}
