import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { VersionDetail } from '../../api'
import { CopyButton, External, RelativeTime, shortSha } from '../../ui'
import { Reads } from './Reads'

function Name({ children }: { children: string }) {
  return <span className="min-w-0 font-mono text-sm wrap-anywhere">{children}</span>
}

function Step({ name, copy, children }: { name: string; copy?: string | null; children: ReactNode }) {
  return (
    <li className="relative flex gap-3 pb-3 last:pb-0 not-last:before:absolute not-last:before:top-3 not-last:before:left-[5px] not-last:before:h-full not-last:before:border-l not-last:before:border-line-strong">
      <span aria-hidden="true" className="relative mt-1.5 size-[11px] shrink-0 rounded-full border-2 border-accent bg-surface" />
      <div className="min-w-0">
        <div className="text-sm text-muted">{name}</div>
        <div className="flex min-h-7 min-w-0 items-center gap-1">
          {children}
          {copy && <CopyButton text={copy} label={`Copy: ${name}`} />}
        </div>
      </div>
    </li>
  )
}

/** From the push to the bytes: what a version was made of, step by step. */
export function Lineage({ version }: { version: VersionDetail }) {
  const { links } = version
  return (
    <ol>
      <Step name="Delivery" copy={version.delivery_id}>
        {version.delivery_id ? <Name>{version.delivery_id}</Name> : 'None: a person started it'}
      </Step>
      <Step name="Commit" copy={version.commit_sha}>
        <External href={links.commit}>
          <Name>{`${version.repo}@${shortSha(version.commit_sha)}`}</Name>
        </External>
      </Step>
      <Step name="Notebook" copy={version.notebook_path}>
        <Name>{version.notebook_path}</Name>
      </Step>
      <Step name="Data">
        <Reads reads={version.reads} />
      </Step>
      <Step name="Pipeline" copy={version.pipeline_id}>
        <Link to={`/pipelines/${version.pipeline_id}`} className="link min-w-0 font-mono text-sm wrap-anywhere">
          {version.pipeline_id}
        </Link>
      </Step>
      <Step name="MLflow run" copy={version.mlflow_run_id}>
        {version.mlflow_run_id ? (
          <External href={links.mlflow_run}>
            <Name>{version.mlflow_run_id}</Name>
          </External>
        ) : (
          'None'
        )}
      </Step>
      <Step name="Registered in MLflow" copy={version.uri}>
        <External href={links.mlflow_version}>
          <Name>{version.uri}</Name>
        </External>
        <span className="shrink-0 text-sm text-muted">
          <RelativeTime at={version.created_at} />
        </span>
      </Step>
      <Step name="Artifact, SHA-256" copy={version.sha256}>
        <code className="min-w-0 truncate font-mono text-sm" title={version.sha256}>
          {version.sha256}
        </code>
      </Step>
      <Step name="Signed provenance">
        {links.provenance ? (
          <a href={links.provenance} download={`provenance-${version.version}.json`} className="link">
            Download the statement
          </a>
        ) : (
          'None: an earlier mlsys made it, or a worker without a key'
        )}
      </Step>
    </ol>
  )
}
