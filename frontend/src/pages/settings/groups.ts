import type { Setting } from '../../api'

const GROUPS: readonly { name: string; of: RegExp }[] = [
  { name: 'Storage and services', of: /^(MLSYS_HOME|MLSYS_ARTIFACTS|MLSYS_ENVIRONMENTS|DATABASE_|REDIS_|MLFLOW_)/ },
  { name: 'Kubernetes', of: /^(KUBERNETES_|RUNNER_BACKEND$)/ },
  { name: 'GitHub', of: /^GITHUB_/ },
  { name: 'Model-server', of: /^(MODEL_SERVER_|MODEL_MEMORY_|ONNXRUNTIME_)/ },
  { name: 'Gates and deployment', of: /^(AUTO_DEPLOY|MIN_ACCURACY)/ },
  { name: 'Running notebooks', of: /^(WORKER_|LEASE_|SHUTDOWN_|KERNEL_|BUILD_|RUN_|CELL_|MLSYS_PYTHON$|MLSYS_UV$)/ },
  { name: 'Logs and traces', of: /^(RUST_LOG$|LOG_|OTEL_)/ },
]
const OTHER = 'Addresses and the rest'

export interface Group {
  name: string
  settings: Setting[]
}

/** Settings by what they are about, in a fixed order; groups without any are left out. */
export function group(settings: readonly Setting[]): Group[] {
  const nameOf = (setting: Setting) => GROUPS.find((one) => one.of.test(setting.name))?.name ?? OTHER
  return [...GROUPS.map((one) => one.name), OTHER].map((name) => ({ name, settings: settings.filter((setting) => nameOf(setting) === name) })).filter((one) => one.settings.length > 0)
}

/** Those whose name, value or explanation has every word of the text. */
export function filter(settings: readonly Setting[], text: string, onlySet: boolean): Setting[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return settings.filter((setting) => {
    if (onlySet && setting.from !== 'environment') return false
    const searched = `${setting.name} ${setting.secret ? '' : (setting.value ?? '')} ${setting.help}`.toLowerCase()
    return words.every((word) => searched.includes(word))
  })
}
