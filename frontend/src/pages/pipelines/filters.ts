import { STATUSES, type PipelineFilter, type PipelineRecord } from '../../api'

const FIELDS = ['status', 'repo', 'branch', 'model'] as const

export type FilterField = (typeof FIELDS)[number] | 'text'

/** The filter that an address names. */
export function filterOf(query: URLSearchParams): PipelineFilter {
  const filter: PipelineFilter = {}
  for (const field of FIELDS) {
    const value = query.get(field)?.trim()
    if (!value || (field === 'status' && !STATUSES.some((status) => status === value))) continue
    filter[field] = value
  }
  return filter
}

/** The address with one field changed; empty takes it away. */
export function withField(query: URLSearchParams, field: FilterField, value: string): URLSearchParams {
  const next = new URLSearchParams(query)
  if (value === '') next.delete(field)
  else next.set(field, value)
  return next
}

/** Whether every word occurs somewhere in what the list shows of a pipeline. */
export function matchesText(pipeline: PipelineRecord, text: string): boolean {
  const { id, repo, branch, commit_sha, notebook_path, model_name, declared_version, reason } = pipeline
  const all = [id, repo, branch, commit_sha, notebook_path, model_name, declared_version, reason].join(' ').toLowerCase()
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word))
}
