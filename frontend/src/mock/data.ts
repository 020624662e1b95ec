import type { AllowedData, DataAccess } from '../api/types'
import { json, problem } from './http'
import type { Call } from './server'

/** How many places the notebooks of a repository may reach. */
const MOST = 100

/** Lets a repository's notebooks reach a place, if it is one. */
export function allow(data: Map<number, AllowedData[]>, repo: number, { parts: [, given = ''], body }: Call): Response {
  const place = given.replace(/^(gs:.*)\/$/, '$1')
  if (!/^([\w-]+\.[\w-]+|gs:\/\/[a-z0-9][a-z0-9._-]+)$/.test(place)) {
    const how = 'write a dataset as project.dataset, such as local.titanic, or a bucket as gs://bucket'
    return problem(400, 'bad_data', `"${given}" names no data: ${how}`)
  }
  const others = (data.get(repo) ?? []).filter((one) => one.place !== place)
  if (others.length >= MOST) return problem(409, 'too_much_data', `the notebooks of a repository may reach at most ${MOST} datasets and buckets: remove one first`)
  const allowed = [...others, { place, access: (body as { access: DataAccess }).access, set_by: 'ann', set_at: new Date().toISOString() }]
  data.set(
    repo,
    allowed.sort((one, other) => one.place.localeCompare(other.place)),
  )
  return json(null, 204)
}
