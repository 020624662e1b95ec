import type { Problem } from './types'

/** The window hears this when the API does not know (any more) who one is. */
export const SIGNED_OUT = 'mlsys:signed-out'

/** An answer of the API that is no success, or no answer at all. */
export class ApiProblem extends Error {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly requestId: string | null

  constructor(problem: Omit<Problem, 'type'>) {
    super(problem.detail || problem.title)
    this.name = 'ApiProblem'
    this.code = problem.code
    this.status = problem.status
    this.title = problem.title
    this.detail = problem.detail
    this.requestId = problem.request_id ?? null
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What a failed response says; a proxy in between may answer with something else than a problem. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  let body: Record<string, unknown> = {}
  try {
    const parsed: unknown = await response.json()
    if (typeof parsed === 'object' && parsed !== null) body = parsed as Record<string, unknown>
  } catch {
    // No JSON: the status alone has to do.
  }
  const title = text(body.title) ?? response.statusText
  return new ApiProblem({
    code: text(body.code) ?? `http_${response.status}`,
    status: response.status,
    title: title || `HTTP ${response.status}`,
    detail: text(body.detail) ?? `The server answered with status ${response.status}.`,
    request_id: text(body.request_id) ?? response.headers.get('x-request-id') ?? undefined,
  })
}

/** The server could not be reached. */
export function unreachable(): ApiProblem {
  return new ApiProblem({
    code: 'unreachable',
    status: 0,
    title: 'mlsys does not answer',
    detail: 'The server could not be reached. It may be restarting, or the network is down.',
  })
}

/** Any thrown value as a problem, so that error views need to know one shape only. */
export function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error
  const detail = error instanceof Error ? error.message : String(error)
  return new ApiProblem({ code: 'unexpected', status: 0, title: 'Something unexpected happened', detail })
}
