import { SCHEDULE_KINDS, type ScheduleFilter } from '../../api'

/** The filter that an address names. */
export function filterOf(address: URLSearchParams): ScheduleFilter {
  const kind = SCHEDULE_KINDS.find((one) => one === address.get('kind'))
  return kind ? { kind } : {}
}

/** The address with one field changed; null takes it away. */
export function withField(address: URLSearchParams, field: 'kind' | 'new', value: string | null): URLSearchParams {
  const next = new URLSearchParams(address)
  if (value === null) next.delete(field)
  else next.set(field, value)
  return next
}
