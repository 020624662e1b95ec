import type { ApiProblem } from '../api/problem'

/** What a person can do about a problem. */
export function adviceFor(problem: ApiProblem): string {
  if (problem.code === 'unreachable') return 'Check that mlsys runs: mlsys doctor. The page tries again by itself.'
  if (problem.code === 'unexpected') return 'Reload the page. If it happens again, tell whoever looks after this installation.'
  if (problem.status === 404) return 'Check the address. What it named may have been removed.'
  if (problem.status === 401 || problem.status === 403) return 'Ask whoever looks after this installation for access.'
  if (problem.status === 409) return 'Reload to see the present state, then decide again.'
  if (problem.status === 429) return 'Wait a moment, then try again.'
  if (problem.status >= 500) return 'Try again in a moment. The server log tells more under the id of the request.'
  return 'Correct what was sent, then try again.'
}
