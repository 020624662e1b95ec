import { useId } from 'react'
import { ENVIRONMENTS, type Grant, ROLES, type Role } from '../api/types'

/** What each role is for. */
const MAY: Record<Role, string> = {
  viewer: 'sees everything but secrets',
  predictor: 'asks models for predictions, and nothing else',
  developer: 'runs notebooks, and promotes to staging',
  operator: 'promotes to production, rolls back, shares out traffic',
  admin: 'decides about repositories, people and keys',
}

/** A grant in words: `predictor of titanic in dev`. */
export function grantText(grant: Grant): string {
  const of = grant.model ?? grant.repo
  return [grant.role, of && `of ${of}`, grant.environment && `in ${grant.environment}`].filter(Boolean).join(' ')
}

interface GrantFieldsProps {
  grant: Grant
  onChange: (grant: Grant) => void
}

/** A role, and what it is for. */
export function GrantFields({ grant, onChange }: GrantFieldsProps) {
  const id = useId()
  const scope = grant.model !== undefined ? 'model' : grant.repo !== undefined ? 'repo' : 'all'
  const withScope = (kind: string, name: string): Grant => {
    const { model: _model, repo: _repo, ...rest } = grant
    return kind === 'model' ? { ...rest, model: name } : kind === 'repo' ? { ...rest, repo: name } : rest
  }
  const withRole = (role: Role): Grant => {
    const { environment, ...rest } = grant
    return role === 'predictor' && environment ? { ...rest, role, environment } : { ...rest, role }
  }
  return (
    <div className="flex flex-col gap-3">
      <label className="flex flex-col gap-1">
        Role
        <select className="field" value={grant.role} onChange={(event) => onChange(withRole(event.target.value as Role))} aria-describedby={`${id}-may`}>
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {role}
            </option>
          ))}
        </select>
        <span id={`${id}-may`} className="text-sm text-muted">
          {`A ${grant.role} ${MAY[grant.role]}.`}
        </span>
      </label>
      <div className="grid gap-3 sm:grid-cols-2">
        <label className="flex flex-col gap-1">
          For
          <select className="field" value={scope} onChange={(event) => onChange(withScope(event.target.value, ''))}>
            <option value="all">everything</option>
            <option value="model">one model</option>
            <option value="repo">one repository</option>
          </select>
        </label>
        {scope !== 'all' && (
          <label className="flex flex-col gap-1">
            {scope === 'model' ? 'Model' : 'Repository'}
            <input
              className="field font-mono"
              placeholder={scope === 'model' ? 'titanic' : 'owner/name'}
              value={grant.model ?? grant.repo ?? ''}
              onChange={(event) => onChange(withScope(scope, event.target.value))}
              required
              autoComplete="off"
              spellCheck={false}
            />
          </label>
        )}
        {grant.role === 'predictor' && (
          <label className="flex flex-col gap-1">
            Environment
            <select
              className="field"
              value={grant.environment ?? ''}
              onChange={(event) => {
                const { environment: _environment, ...rest } = grant
                const chosen = ENVIRONMENTS.find((one) => one === event.target.value)
                onChange(chosen ? { ...rest, environment: chosen } : rest)
              }}
            >
              <option value="">every environment</option>
              {ENVIRONMENTS.map((environment) => (
                <option key={environment} value={environment}>
                  {environment}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
    </div>
  )
}
