import { type ModelManifest, useVersion, type VersionDetail } from '../../api'
import { CopyButton, ErrorState, Facts, formatBytes, formatCount, formatNumber, Panel, Skeleton, shortSha } from '../../ui'
import { Lineage } from './Lineage'

/** How the model is computed, and why so. */
function flavourWords({ flavour, native, native_reason, onnx, onnx_reason: reason }: ModelManifest): string {
  if (flavour === 'native' && native) return `Natively, in the estimator's own arithmetic: verified on ${formatCount(native.rows_verified)} rows`
  const why = native_reason ? ` Not natively: ${native_reason}.` : ''
  if (flavour === 'onnx' && onnx) return `ONNX, ${onnx.variant}: verified on ${formatCount(onnx.rows_verified)} rows, largest difference ${formatNumber(onnx.max_difference)}.${why}`
  return `Its own Python library${reason ? `: ${reason}.` : '.'}${why}`
}

function Files({ files }: { files: ModelManifest['files'] }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full" aria-label="Files">
        <thead>
          <tr className="text-left text-xs text-faint">
            <th scope="col" className="font-medium">
              File
            </th>
            <th scope="col" className="px-2 text-right font-medium">
              Size
            </th>
            <th scope="col" className="font-medium">
              SHA-256
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(files).map(([path, file]) => (
            <tr key={path}>
              <td className="font-mono text-sm wrap-anywhere">{path}</td>
              <td className="px-2 text-right whitespace-nowrap tabular-nums">{formatBytes(file.size)}</td>
              <td className="whitespace-nowrap">
                <span className="flex items-center">
                  <code className="font-mono text-sm" title={file.sha256}>
                    {shortSha(file.sha256)}
                  </code>
                  <CopyButton text={file.sha256} label={`Copy the digest of ${path}`} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Signature({ signature }: { signature: ModelManifest['signature'] }) {
  if (signature.kind === 'tensor') {
    const { dtype, shape } = signature.tensor
    return (
      <p>
        One array of {dtype}, shape {shape.map((length) => (length === -1 ? 'any' : length)).join(' × ')}
      </p>
    )
  }
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1">
      {signature.columns.map((column) => (
        <li key={column.name}>
          <code className="font-mono text-sm">{column.name}</code>{' '}
          <span className="text-muted">
            {column.type}
            {column.nullable && ' or missing'}
            {!column.required && ', optional'}
          </span>
        </li>
      ))}
    </ul>
  )
}

function Metrics({ metrics }: { metrics: VersionDetail['metrics'] }) {
  const entries = Object.entries(metrics)
  if (entries.length === 0) return <p className="text-muted">The run logged no metrics.</p>
  return <Facts rows={entries.map(([name, value]) => [name, <span className="tabular-nums">{formatNumber(value)}</span>] as const)} />
}

/** All about one version. */
export function VersionPanel({ name, version }: { name: string; version: number }) {
  const query = useVersion(name, version)
  const detail = query.data
  if (query.isError && !detail) return <ErrorState error={query.error} title={`Version ${version} could not be loaded`} onRetry={() => void query.refetch()} />
  if (!detail) return <Skeleton lines={14} height="h-6" />
  const { manifest } = detail
  const libraries = Object.entries(manifest.libraries)
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel title={`Where version ${version} came from`}>
        <Lineage version={detail} />
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel title="Model">
          <Facts
            rows={[
              ['Declared version', detail.declared_version ?? '–'],
              ['Task', manifest.task],
              ...(manifest.classes ? [['Classes', manifest.classes.map(String).join(', ')] as const] : []),
              ['Computed by', flavourWords(manifest)],
              ['Inputs', <Signature signature={manifest.signature} />],
            ]}
          />
        </Panel>
        <Panel title="Metrics">
          <Metrics metrics={detail.metrics} />
        </Panel>
      </div>
      <Panel title="Files">
        <Files files={manifest.files} />
      </Panel>
      <Panel title="Libraries" actions={<CopyButton text={libraries.map(([library, number]) => `${library}==${number}`).join('\n')} label="Copy as requirements" wide />}>
        <Facts rows={[['Python', manifest.python_version], ...libraries.map(([library, number]) => [library, number] as const)]} />
      </Panel>
    </div>
  )
}
