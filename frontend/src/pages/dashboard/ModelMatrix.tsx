import { Link } from 'react-router'
import { ENVIRONMENTS, type Environment, listed, type ModelSummary, type Overview, useModels } from '../../api'
import { ErrorState, formatCount, plural, RelativeTime, Skeleton } from '../../ui'

const SHOWN = 8

function Cell({ model, environment }: { model: ModelSummary; environment: Environment }) {
  const version = model.environments[environment]
  if (version === undefined) return <span className="text-faint">–</span>
  const since = model.deployed_at[environment]
  return (
    <>
      <span className="font-medium">v{version}</span>
      <span className="block min-h-5 text-sm text-muted">{since && <RelativeTime at={since} />}</span>
    </>
  )
}

/** How many models serve in an environment, and the way to them. */
function Head({ environment, count }: { environment: Environment; count: number }) {
  return (
    <th scope="col" className="px-2 py-1.5 font-medium">
      {environment}{' '}
      {count > 0 && (
        <Link to={`/models?environment=${environment}`} className="link underline tabular-nums" aria-label={`${plural(count, 'model')} in ${environment}`}>
          {formatCount(count)}
        </Link>
      )}
    </th>
  )
}

/** Which version of each model serves where: of the models with the newest versions. */
export function ModelMatrix({ counts }: { counts: Overview['models'] }) {
  const query = useModels({ sort: 'updated' }, SHOWN)
  if (counts.models === 0) return <p className="p-3 text-muted">No model yet. The first push that passes its gates deploys one to dev.</p>
  if (query.isPending) return <Skeleton lines={8} className="p-3" />
  if (query.isError && !query.data) {
    return (
      <div className="p-3">
        <ErrorState error={query.error} title="The models could not be loaded" onRetry={() => void query.refetch()} />
      </div>
    )
  }
  return (
    <div className="overflow-x-auto">
      <table className="w-full" aria-label="Models by environment">
        <thead>
          <tr className="border-b border-line text-left text-xs text-faint">
            <th scope="col" className="py-1.5 pr-2 pl-3 font-medium">
              Model
            </th>
            {ENVIRONMENTS.map((environment) => (
              <Head key={environment} environment={environment} count={counts.deployed[environment] ?? 0} />
            ))}
          </tr>
        </thead>
        <tbody>
          {listed(query.data).items.map((model) => (
            <tr key={model.name} className="relative border-b border-line align-top last:border-0 has-[a:hover]:bg-raised">
              <th scope="row" className="min-w-28 py-1.5 pr-2 pl-3 text-left font-medium wrap-anywhere">
                <Link to={`/models/${encodeURIComponent(model.name)}`} className="after:absolute after:inset-0">
                  {model.name}
                </Link>
                <span className="block text-sm font-normal text-muted">{plural(model.versions, 'version')}</span>
              </th>
              {ENVIRONMENTS.map((environment) => (
                <td key={environment} className="px-2 py-1.5 sm:whitespace-nowrap">
                  <Cell model={model} environment={environment} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {counts.models > SHOWN && (
        <Link to="/models?sort=updated" className="link block px-3 py-2">
          All {plural(counts.models, 'model')}
        </Link>
      )}
    </div>
  )
}
