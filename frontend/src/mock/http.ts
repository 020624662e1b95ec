import type { CountedPage } from '../api/types'

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(status === 204 || status === 304 ? null : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

export function problem(status: number, code: string, detail: string): Response {
  const title = code.replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase())
  const body = { type: `urn:mlsys:${code}`, title, status, code, detail, request_id: '0198c1de-7a3b-7000-a000-000000000000' }
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/problem+json' } })
}

/** Whether every word of a search is in one of the texts, or begins the commit. */
export function matches(query: URLSearchParams, texts: readonly (string | null)[], commit = ''): boolean {
  const all = texts.join(' ').toLowerCase()
  const words = (query.get('search') ?? '').toLowerCase().split(/\s+/)
  return words.every((word) => all.includes(word) || (word !== '' && commit.startsWith(word)))
}

/** A page of a list; `after` is the index that the one before ended at. */
export function page<T>(items: readonly T[], query: URLSearchParams): CountedPage<T> {
  const start = Number(query.get('after') ?? 0)
  const end = start + Number(query.get('limit') ?? 50)
  return { items: items.slice(start, end), next: end < items.length ? String(end) : null, total: items.length }
}
