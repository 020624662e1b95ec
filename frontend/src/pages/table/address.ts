/** The version that an address names, if it is one. */
export function versionIn(address: URLSearchParams): number | null {
  const text = address.get('version') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

function withField(address: URLSearchParams, field: string, value: string): URLSearchParams {
  const next = new URLSearchParams(address)
  if (value === '') next.delete(field)
  else next.set(field, value)
  return next
}

/** The same at another version; null is the newest, whichever that is. */
export function withVersion(address: URLSearchParams, version: number | null): URLSearchParams {
  return withField(address, 'version', version === null ? '' : String(version))
}

export function withTab(address: URLSearchParams, tab: string): URLSearchParams {
  return withField(address, 'tab', tab)
}
