import type { ApiKey, Approval, AuditEntry, Invite, MakeKey, Me, Person, PersonChange, SignIn } from '../api/types'
import { json, page, problem } from './http'
import type { Handler } from './server'

const MAY = ['see', 'run', 'cancel', 'retry', 'promote:staging', 'promote:prod', 'traffic', 'schedules', 'batch_predictions', 'repositories', 'people', 'keys', 'settings', 'audit']

/** Who may do what, in memory. */
export class MockAccess {
  me: Me | null
  /** The name of the issuer that people sign in with. */
  issuer: string | null = null
  keys: ApiKey[]
  people: Person[]
  audit: AuditEntry[]
  /** Promotions that wait for a second person. */
  approvals: Approval[] = []

  constructor(now: number) {
    const ago = (hours: number) => new Date(now - hours * 3_600_000).toISOString()
    this.me = { kind: 'person', name: 'owner', person_id: id(5), session_id: id(1), grants: [{ role: 'admin' }], may: MAY, expires_at: new Date(now + 86_400_000).toISOString() }
    const grants = [{ role: 'predictor' as const, model: 'titanic-survival', environment: 'prod' as const }]
    this.keys = [
      { id: id(2), prefix: 'mlsys_4f1c09ab', name: 'the shop', grants, made_by: 'owner', created_at: ago(900), expires_at: null, revoked_at: null, last_used_at: ago(0.1) },
      {
        id: id(3),
        prefix: 'mlsys_0b7722de',
        name: 'an experiment',
        grants: [{ role: 'viewer' }],
        made_by: 'owner',
        created_at: ago(2_000),
        expires_at: null,
        revoked_at: ago(1_500),
        last_used_at: null,
      },
    ]
    this.people = [
      { id: id(4), login: 'grace', name: 'Grace', disabled: false, has_password: true, from_issuer: false, grants: [{ role: 'developer', repo: 'acme/pricing' }], created_at: ago(700) },
      { id: id(5), login: 'owner', name: 'Owner of this mlsys', disabled: false, has_password: false, from_issuer: false, grants: [{ role: 'admin' }], created_at: ago(2_500) },
    ]
    const entry = (number: number, action: string, object: string, result: string, before: string | null, after: string | null): AuditEntry => ({
      id: id(number),
      at: ago(number),
      actor_kind: 'person',
      actor: 'grace',
      address: '192.0.2.7',
      action,
      object,
      before,
      after,
      result,
    })
    this.audit = [entry(6, 'promote', 'titanic-survival', 'done', 'version 3 in staging', 'version 4 in staging'), entry(7, 'repositories', 'DELETE repos/3', '403 Forbidden', null, null)]
  }
}

function id(number: number): string {
  return `0198c1de-7a3b-7000-a000-${String(number).padStart(12, '0')}`
}

/** The routes of `/api/me`, `/api/sessions`, `/api/keys`, `/api/people` and `/api/audit`. */
export function accessRoutes(access: MockAccess): readonly [string, Handler][] {
  const nobody = () => problem(404, 'not_found', 'nothing is stored under this id')
  return [
    ['GET /api/me', () => (access.me ? json(access.me) : problem(401, 'unauthorized', 'sign in at /sign-in'))],
    ['GET /api/sign-in', () => json({ issuer: access.issuer })],
    [
      'POST /api/sessions',
      ({ body }) => {
        const { token, password } = body as SignIn
        if (token !== 'abc123' && password !== 'correct horse') return problem(401, 'bad_password', 'no such login, or another password')
        access.me = { kind: 'person', name: 'owner', person_id: id(5), session_id: id(1), grants: [{ role: 'admin' }], may: MAY, expires_at: null }
        return json(access.me, 201)
      },
    ],
    [
      'DELETE /api/sessions/current',
      () => {
        access.me = null
        return json(null, 204)
      },
    ],
    ['GET /api/keys', ({ query }) => json(page(access.keys, query))],
    [
      'POST /api/keys',
      ({ body }) => {
        const { name, grants } = body as MakeKey
        const made = {
          id: id(100 + access.keys.length),
          prefix: 'mlsys_12345678',
          name,
          grants,
          made_by: 'owner',
          created_at: new Date().toISOString(),
          expires_at: null,
          revoked_at: null,
          last_used_at: null,
        }
        access.keys.unshift(made)
        return json({ key: `mlsys_12345678${'0'.repeat(64)}`, ...made }, 201)
      },
    ],
    [
      'DELETE /api/keys/*',
      ({ parts }) => {
        const key = access.keys.find((one) => one.id === parts[0])
        if (!key) return nobody()
        key.revoked_at = new Date().toISOString()
        return json(null, 204)
      },
    ],
    ['GET /api/people', ({ query }) => json(page(access.people, query))],
    [
      'POST /api/people',
      ({ body }) => {
        const { login, name, grants } = body as Invite
        const person = { id: id(200 + access.people.length), login, name: name ?? login, disabled: false, has_password: false, from_issuer: false, grants, created_at: new Date().toISOString() }
        access.people.push(person)
        return json({ invitation: 'http://localhost:8000/sign-in#invitation=abc123', person }, 201)
      },
    ],
    [
      'PATCH /api/people/*',
      ({ parts, body }) => {
        const person = access.people.find((one) => one.id === parts[0])
        return person ? json(Object.assign(person, body as PersonChange)) : nobody()
      },
    ],
    [
      'DELETE /api/people/*',
      ({ parts }) => {
        if (access.people.find((one) => one.id === parts[0])?.login === 'owner') return problem(409, 'last_admin', 'nobody would be left who decides about people')
        access.people = access.people.filter((one) => one.id !== parts[0])
        return json(null, 204)
      },
    ],
    [
      'GET /api/approvals',
      ({ query }) =>
        json(
          page(
            access.approvals.filter((one) => one.state === 'waiting' && (!query.get('model') || one.model_name === query.get('model'))),
            query,
          ),
        ),
    ],
    [
      'POST /api/approvals/*/refuse',
      ({ parts, body }) => {
        const approval = access.approvals.find((one) => one.id === parts[0])
        if (!approval) return nobody()
        return json(Object.assign(approval, { state: 'refused', detail: (body as { reason?: string }).reason ?? null, decider: 'owner' }))
      },
    ],
    [
      'POST /api/approvals/*/approve',
      ({ parts, body }) => {
        const approval = access.approvals.find((one) => one.id === parts[0])
        if (!approval) return nobody()
        if ((body as { confirm?: string }).confirm !== 'production') return problem(400, 'confirmation_required', 'to change prod, confirm with the word "production"')
        approval.state = 'approved'
        const { model_name, to, version, previous_version } = approval
        return json({ model_name, environment: to, version, previous_version, generation: 99, detail: `${model_name} version ${version} serves in ${to}` })
      },
    ],
    [
      'DELETE /api/approvals/*',
      ({ parts }) => {
        const approval = access.approvals.find((one) => one.id === parts[0])
        if (!approval) return nobody()
        approval.state = 'withdrawn'
        return json(null, 204)
      },
    ],
    [
      'GET /api/audit',
      ({ query }) =>
        json(
          page(
            access.audit.filter((one) => ['actor', 'action'].every((key) => !query.get(key) || query.get(key) === one[key as 'actor' | 'action'])),
            query,
          ),
        ),
    ],
  ]
}
