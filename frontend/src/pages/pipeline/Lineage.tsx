import { Link } from 'react-router'
import { type PipelineDetail, useVersion } from '../../api'
import { CopyButton, ErrorState, External, Facts, formatBytes, Panel, Skeleton, shortSha } from '../../ui'

/** The files of the model that the run made. */
export function Artifacts({ pipeline }: { pipeline: PipelineDetail }) {
  const { model_name, registry_version } = pipeline
  const version = useVersion(registry_version === null ? null : model_name, registry_version)
  const files = Object.entries(version.data?.manifest.files ?? {}).sort(([one], [other]) => one.localeCompare(other))
  return (
    <Panel title="Artifacts" flush={files.length > 0}>
      {registry_version === null && <p className="text-muted">No artifacts: the run has not registered a version.</p>}
      {version.isLoading && <Skeleton lines={3} />}
      {version.isError && <ErrorState error={version.error} title="The artifacts could not be loaded" onRetry={() => void version.refetch()} />}
      {files.length > 0 && (
        <ul>
          {files.map(([name, file]) => (
            <li key={name} className="flex items-center gap-2 border-b border-line px-3 py-0.5 last:border-0">
              <span className="min-w-0 flex-1 font-mono text-sm wrap-anywhere">{name}</span>
              <span className="text-sm text-muted tabular-nums">{formatBytes(file.size)}</span>
              <code className="font-mono text-xs text-faint max-sm:hidden" title={file.sha256}>
                {shortSha(file.sha256)}
              </code>
              <CopyButton text={file.sha256} label={`Copy the SHA-256 digest of ${name}`} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

/** Where the run came from, and where it led. */
export function Lineage({ pipeline }: { pipeline: PipelineDetail }) {
  const { links, model_name, registry_version, mlflow_run_id, delivery_id, commit_sha } = pipeline
  const parameters = Object.entries(pipeline.parameters)
  const short = 'font-mono text-sm wrap-anywhere'
  return (
    <Panel title="Lineage">
      <Facts
        rows={[
          [
            'Commit',
            <External href={links.commit}>
              <code className={short}>{commit_sha}</code>
            </External>,
          ],
          ['Notebook', <code className={short}>{pipeline.notebook_path}</code>],
          ['Delivery', delivery_id ? <code className={short}>{delivery_id}</code> : pipeline.manual ? 'none, started by hand' : '–'],
          [
            'MLflow run',
            mlflow_run_id ? (
              <External href={links.mlflow_run}>
                <code className={short}>{mlflow_run_id}</code>
              </External>
            ) : (
              '–'
            ),
          ],
          [
            'Model',
            model_name && registry_version !== null ? (
              <Link className="link" to={`/models/${encodeURIComponent(model_name)}?version=${registry_version}`}>{`${model_name}, version ${registry_version}`}</Link>
            ) : (
              (model_name ?? '–')
            ),
          ],
          ['Parameters', parameters.length === 0 ? 'as in the notebook' : <code className={short}>{parameters.map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join(', ')}</code>],
        ]}
      />
    </Panel>
  )
}
