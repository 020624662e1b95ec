/** What an address of `mlsys up` or of an invitation has behind its `#`. */
export interface Given {
  kind: 'token' | 'invitation'
  token: string
}

export function given(hash: string): Given | null {
  const match = /^#(token|invitation)=([0-9a-f]+)$/.exec(hash)
  return match ? { kind: match[1] as Given['kind'], token: match[2] ?? '' } : null
}

/** Where to go on: a page of this dashboard, whatever the address says. */
export function onward(next: string | null): string {
  if (!next?.startsWith('/') || next.startsWith('//') || next.includes('\\')) return '/'
  return next.startsWith('/sign-in') ? '/' : next
}
