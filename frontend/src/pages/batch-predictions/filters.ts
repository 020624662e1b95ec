import { BATCH_STATUSES, type BatchFilter } from '../../api'

/** The filter that an address names. */
export function filterOf(address: URLSearchParams): BatchFilter {
  const status = BATCH_STATUSES.find((one) => one === address.get('status'))
  const model = address.get('model')?.trim()
  return { ...(status ? { status } : {}), ...(model ? { model } : {}) }
}

/** The address with one field changed; null takes it away. */
export function withField(address: URLSearchParams, field: 'status' | 'model' | 'new', value: string | null): URLSearchParams {
  const next = new URLSearchParams(address)
  if (value === null) next.delete(field)
  else next.set(field, value)
  return next
}
