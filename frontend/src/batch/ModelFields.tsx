import { ENVIRONMENTS, type Environment, type ModelSummary } from '../api/types'
import { type Draft, environmentOf, type Problems } from './form'
import { TextField } from './TextField'

interface ModelFieldsProps {
  draft: Draft
  problems: Problems
  names: readonly string[]
  deployed: ModelSummary['environments'] | undefined
  /** Why the model can't be changed, if it can't. */
  fixed?: string | undefined
  onChange: (change: Partial<Draft>) => void
}

function place(environment: Environment, deployed: ModelFieldsProps['deployed']): string {
  if (!deployed) return environment
  const version = deployed[environment]
  return version === undefined ? `${environment} (nothing deployed)` : `${environment} (version ${version})`
}

/** Which version of which model scores. */
export function ModelFields({ draft, problems, names, deployed, fixed, onChange }: ModelFieldsProps) {
  const environment = environmentOf(draft, deployed)
  const version = deployed?.[environment]
  return (
    <div className="grid gap-x-3 gap-y-1 sm:grid-cols-[2fr_1fr_1fr]">
      <TextField
        label="Model"
        value={draft.model}
        suggestions={fixed === undefined ? names : []}
        problem={problems.model}
        help={fixed}
        fixed={fixed !== undefined}
        onChange={(model) => onChange({ model })}
      />
      <label className="flex min-w-0 flex-col gap-1">
        Environment
        <select className="field" value={environment} onChange={(event) => onChange({ environment: event.target.value as Environment })}>
          {ENVIRONMENTS.map((one) => (
            <option key={one} value={one}>
              {place(one, deployed)}
            </option>
          ))}
        </select>
      </label>
      <TextField
        label="Version"
        numeric
        value={draft.version}
        placeholder={version === undefined ? 'the deployed' : `${version} (deployed)`}
        problem={problems.version}
        onChange={(text) => onChange({ version: text })}
      />
    </div>
  )
}
