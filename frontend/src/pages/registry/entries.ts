import type { TableSample } from '../../api'

/** A version as the registry's table has it. */
export interface KnownVersion {
  name: string
  version: string
  size: number | null
  uploader: string | null
  uploaded_at: string | null
  registered_at: string | null
  metrics: [name: string, value: unknown][]
}

const COLUMNS = ['name', 'version', 'size', 'uploader', 'uploaded_at', 'registered_at', 'metrics'] as const

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
const momentOf = (value: unknown) => (typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : null)

function metricsOf(value: unknown): KnownVersion['metrics'] {
  try {
    const read: unknown = JSON.parse(String(value))
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? Object.entries(read) : []
  } catch {
    return []
  }
}

/** The versions in the rows of a table; null: it is no table of a registry. */
export function versionsIn({ columns, rows }: TableSample): KnownVersion[] | null {
  if (!COLUMNS.every((name) => columns.includes(name))) return null
  return rows.map((row) => {
    const at = (name: (typeof COLUMNS)[number]) => row[columns.indexOf(name)]
    const size = at('size')
    return {
      name: String(at('name')),
      version: String(at('version')),
      size: typeof size === 'number' ? size : null,
      uploader: textOf(at('uploader')),
      uploaded_at: momentOf(at('uploaded_at')),
      registered_at: momentOf(at('registered_at')),
      metrics: metricsOf(at('metrics')),
    }
  })
}

/** Those whose model, version or uploader has each word of a search. */
export function found(versions: readonly KnownVersion[], search: string): KnownVersion[] {
  const words = search.toLowerCase().split(/\s+/)
  return versions.filter(({ name, version, uploader }) => {
    const text = `${name}/v${version} ${uploader ?? ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}
