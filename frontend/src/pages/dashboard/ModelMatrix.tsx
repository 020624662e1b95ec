import { Link } from 'react-router'
import { ENVIRONMENTS, useModelDetails, type Environment, type ModelDetail, type ModelSummary } from '../../api'
import { plural, RelativeTime } from '../../ui'

/** Each needs a request of its own for since when its versions serve. */
const SHOWN = 8

function Cell({ model, detail, environment }: { model: ModelSummary; detail: ModelDetail | undefined; environment: Environment }) {
  const version = model.environments[environment]
  if (version === undefined) return <span className="text-faint">–</span>
  const deployment = detail?.deployments.find((one) => one.environment === environment && one.version === version)
  return (
    <>
      <span className="font-medium">v{version}</span>
      <span className="block min-h-5 text-sm text-muted">{deployment && <RelativeTime at={deployment.deployed_at} />}</span>
    </>
  )
}

/** Which version of each model serves where. */
export function ModelMatrix({ models }: { models: readonly ModelSummary[] }) {
  const shown = [...models].sort((one, other) => other.updated_at.localeCompare(one.updated_at)).slice(0, SHOWN)
  const details = useModelDetails(shown.map((model) => model.name))
  if (models.length === 0) return <p className="p-3 text-muted">No model yet. The first push that passes its gates brings one to dev.</p>
  return (
    <div className="overflow-x-auto">
      <table className="w-full" aria-label="Models by environment">
        <thead>
          <tr className="border-b border-line text-left text-xs text-faint">
            <th scope="col" className="py-1.5 pr-2 pl-3 font-medium">
              Model
            </th>
            {ENVIRONMENTS.map((environment) => (
              <th key={environment} scope="col" className="px-2 py-1.5 font-medium">
                {environment}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((model) => (
            <tr key={model.name} className="relative border-b border-line align-top last:border-0 has-[a:hover]:bg-raised">
              <th scope="row" className="min-w-28 py-1.5 pr-2 pl-3 text-left font-medium wrap-anywhere">
                <Link to={`/models/${encodeURIComponent(model.name)}`} className="after:absolute after:inset-0">
                  {model.name}
                </Link>
                <span className="block text-sm font-normal text-muted">{plural(model.versions, 'version')}</span>
              </th>
              {ENVIRONMENTS.map((environment) => (
                <td key={environment} className="px-2 py-1.5 sm:whitespace-nowrap">
                  <Cell model={model} detail={details.get(model.name)} environment={environment} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {models.length > SHOWN && (
        <Link to="/models" className="link block px-3 py-2">
          All {plural(models.length, 'model')}
        </Link>
      )}
    </div>
  )
}
