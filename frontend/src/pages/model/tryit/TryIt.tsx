import { useState } from 'react'
import { ENVIRONMENTS, type Environment, type ModelDetail, useVersion } from '../../../api'
import { EmptyState, ErrorState, Skeleton } from '../../../ui'
import { TryForm } from './TryForm'

export interface Target {
  env?: Environment
  version?: number
}

/** Production first: it is what callers ask. */
const ORDER = [...ENVIRONMENTS].reverse()

/** Asks the model for a prediction. */
export function TryIt({ model }: { model: ModelDetail }) {
  const served = ORDER.filter((environment) => model.environments[environment] !== undefined)
  const versions = [...new Set(served.map((environment) => model.environments[environment] ?? 0))].sort((one, other) => other - one)
  const [choice, setChoice] = useState('')
  const choices = [...served.map((environment) => `env ${environment}`), ...versions.map((version) => `version ${version}`)]
  const chosen = choices.includes(choice) ? choice : (choices[0] ?? '')
  const [kind, value = ''] = chosen.split(' ')
  const target: Target = kind === 'env' ? { env: value as Environment } : { version: Number(value) }
  const version = target.env ? (model.environments[target.env] ?? null) : (target.version ?? null)
  const query = useVersion(served.length > 0 ? model.name : null, version)

  if (served.length === 0) {
    return <EmptyState title="No version serves">A version is deployed to dev when its pipeline passes its gates. Look at the newest pipeline for what held it.</EmptyState>
  }
  if (query.isError && !query.data) return <ErrorState error={query.error} title="What the model takes could not be loaded" onRetry={() => void query.refetch()} />
  if (!query.data) return <Skeleton lines={10} height="h-8" />
  const picker = (
    <label className="flex flex-wrap items-center gap-2">
      Ask
      <select className="field" value={chosen} onChange={(event) => setChoice(event.target.value)}>
        <optgroup label="What serves in">
          {served.map((environment) => (
            <option key={environment} value={`env ${environment}`}>
              {environment} (version {model.environments[environment]})
            </option>
          ))}
        </optgroup>
        <optgroup label="Wherever it serves">
          {versions.map((one) => (
            <option key={one} value={`version ${one}`}>
              version {one}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  )
  const { manifest } = query.data
  // Another signature needs other fields; with the same one, what was typed stays for comparing versions.
  return <TryForm key={JSON.stringify(manifest.signature)} name={model.name} manifest={manifest} target={target} picker={picker} />
}
