import type { UseQueryResult } from '@tanstack/react-query'
import { Link } from 'react-router'
import type { RepoCheck } from '../../api'
import { Badge, ErrorState, plural, Skeleton } from '../../ui'
import { accessWords } from './words'

const SHOWN = 8

function Notebooks({ check }: { check: RepoCheck }) {
  const { notebooks, notebooks_total: total, branches } = check
  if (branches.length === 0) return <p className="text-warning">No branch matches. {check.default_branch && `The default branch is ${check.default_branch}.`}</p>
  if (total === 0) return <p className="text-warning">No notebook on {branches[0]} matches the pattern. Widen it, or push the notebook first.</p>
  const more = total - Math.min(SHOWN, notebooks.length)
  return (
    <div>
      <p>
        {plural(total, 'notebook')} on {branches[0]} {total === 1 ? 'matches' : 'match'}. Those with mlops: tags run when a push changes them.
      </p>
      <ul className="pt-1">
        {notebooks.slice(0, SHOWN).map((path) => (
          <li key={path} className="font-mono text-sm wrap-anywhere text-muted">
            {path}
          </li>
        ))}
        {more > 0 && <li className="text-sm text-muted">and {plural(more, 'more', 'more')}</li>}
      </ul>
    </div>
  )
}

interface PreviewProps {
  query: UseQueryResult<RepoCheck>
  /** The repository whose own settings are previewed: that it is registered is no news there. */
  own?: number
}

/** What registering would find: access, branches, notebooks. The height stays while it looks again. */
export function Preview({ query, own }: PreviewProps) {
  const check = query.data
  if (query.isError) return <ErrorState error={query.error} title="The repository could not be checked" onRetry={() => void query.refetch()} />
  if (!check) return query.isFetching ? <Skeleton lines={4} /> : null
  const access = accessWords[check.access]
  return (
    <div aria-live="polite" aria-busy={query.isFetching} className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <Badge tone={access.tone} icon={access.icon}>
          {access.word}
        </Badge>
        {check.private !== null && <Badge tone="neutral">{check.private ? 'Private' : 'Public'}</Badge>}
        {check.default_branch && <span className="text-muted">Default branch: {check.default_branch}</span>}
      </div>
      {access.todo && (
        <p className="text-muted">
          {check.detail} {access.todo}
        </p>
      )}
      {check.registered_id !== null && check.registered_id !== own && (
        <p>
          It is registered already.{' '}
          <Link to={`/repositories/${check.registered_id}`} className="link underline">
            Open it
          </Link>
        </p>
      )}
      {check.access === 'ok' && (
        <>
          <p className="text-muted wrap-anywhere">
            {check.branches.length > 0 &&
              `Matching ${check.branches.length === 1 ? 'branch' : 'branches'}: ${check.branches.slice(0, 12).join(', ')}${check.branches.length > 12 ? ' and others' : ''}`}
          </p>
          <Notebooks check={check} />
        </>
      )}
    </div>
  )
}
