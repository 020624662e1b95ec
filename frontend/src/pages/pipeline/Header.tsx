import { Link } from 'react-router'
import { isActive, type PipelineDetail } from '../../api'
import { Badge, Duration, External, RelativeTime, StatusBadge, shortSha } from '../../ui'

/** The facts of a pipeline in one line. */
export function HeaderFacts({ pipeline }: { pipeline: PipelineDetail }) {
  const { repo, branch, commit_sha, links, status, started_at, finished_at, created_at } = pipeline
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
      <StatusBadge status={status} />
      {pipeline.deployed && (
        <Badge tone="success" icon="check">
          Deployed
        </Badge>
      )}
      {pipeline.manual && <Badge tone="neutral">Started by hand</Badge>}
      <Link to={`/pipelines?repo=${encodeURIComponent(repo)}`} className="link wrap-anywhere">
        {repo}
      </Link>
      <Link to={`/pipelines?${new URLSearchParams({ repo, branch })}`} className="link wrap-anywhere">
        {branch}
      </Link>
      <External href={links.commit}>
        <code className="font-mono">{shortSha(commit_sha)}</code>
      </External>
      <span>
        <span className="text-faint">took </span>
        <Duration from={started_at} to={finished_at} ticking={isActive(status)} />
      </span>
      <RelativeTime at={created_at} />
    </div>
  )
}
