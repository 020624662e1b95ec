import { api, data } from './client'
import type { LogLine, Page } from './types'

const PAGE = 10_000

/** The first page is shorter: something is to be seen at once. */
const FIRST_PAGE = 2_000

/** Stored lines after a number, as many as one answer may hold. */
export function fetchLogPage(id: string, after: number, signal: AbortSignal): Promise<Page<LogLine>> {
  const params = { path: { id }, query: { after, limit: after === 0 ? FIRST_PAGE : PAGE } }
  return data(api.GET('/api/pipelines/{id}/logs', { params, signal }))
}

/** Where the whole log can be downloaded. */
export function logTextUrl(id: string): string {
  return `/api/pipelines/${encodeURIComponent(id)}/logs.txt`
}
