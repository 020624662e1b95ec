import type { Column, ModelManifest } from '../../../api'

/** What stands in each field, as text; a box that is ticked is `true`. */
export type Fields = Record<string, string>
export type Problems = Record<string, string>

export type Control = 'number' | 'text' | 'checkbox' | 'choice' | 'datetime'

/** A truth that may be missing needs three states, so it is a choice. */
export function controlOf(column: Column): Control {
  if (column.type === 'boolean') return mayBeEmpty(column) ? 'choice' : 'checkbox'
  if (column.type === 'string') return 'text'
  return column.type === 'datetime' ? 'datetime' : 'number'
}

export function mayBeEmpty(column: Column): boolean {
  return column.nullable || !column.required
}

// A moment with its zone; a browser's field for times has none, so that it is shown in UTC.
const ZONED = /^\d{4}-\d\d-\d\d[T ].*(Z|[+-]\d\d:?\d\d)$/i

function timeText(value: string): string {
  if (ZONED.test(value)) {
    const time = Date.parse(value)
    if (!Number.isNaN(time)) return new Date(time).toISOString().slice(0, 19)
  }
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return `${value}T00:00:00`
  return value.replace(' ', 'T').slice(0, 19)
}

/** A value of an example row as the text of its field. */
export function textOf(column: Column, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'object') return JSON.stringify(value)
  const text = String(value)
  if (column.type === 'boolean') return text === '1' ? 'true' : text === '0' ? 'false' : text
  return column.type === 'datetime' ? timeText(text) : text
}

export function emptyFields(columns: readonly Column[]): Fields {
  return Object.fromEntries(columns.map((column) => [column.name, controlOf(column) === 'checkbox' ? 'false' : '']))
}

export function fieldsOf(columns: readonly Column[], row: Readonly<Record<string, unknown>>): Fields {
  return Object.fromEntries(columns.map((column) => [column.name, textOf(column, row[column.name]) || (controlOf(column) === 'checkbox' ? 'false' : '')]))
}

const INT32 = 2_147_483_648

/** The value of a field, `undefined` where it is left out; throws what is wrong, in words. */
function valueOf(column: Column, text: string): unknown {
  if (column.type === 'string') {
    if (text !== '') return text
    // Without the right to be missing, nothing typed is the empty text.
    return column.nullable ? null : column.required ? '' : undefined
  }
  const trimmed = text.trim()
  if (trimmed === '') {
    if (column.nullable) return null
    if (!column.required) return undefined
    throw new Error('Fill in a value.')
  }
  switch (column.type) {
    case 'boolean':
      if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true'
      throw new Error('Choose true or false.')
    case 'datetime':
      if (Number.isNaN(Date.parse(trimmed))) throw new Error('Write a date and a time.')
      return trimmed.length === 16 ? `${trimmed}:00` : trimmed
    default: {
      const number = Number(trimmed)
      if (!Number.isFinite(number)) throw new Error('Write a number.')
      if (column.type === 'float' || column.type === 'double') return number
      if (!Number.isInteger(number)) throw new Error('Write a whole number.')
      if (column.type === 'integer' && (number >= INT32 || number < -INT32)) throw new Error('The number is beyond 32 bits.')
      if (!Number.isSafeInteger(number)) throw new Error('Browsers cannot write so large a number exactly.')
      return number
    }
  }
}

/** The row that the fields make, or what is wrong with which of them. */
export function rowOf(columns: readonly Column[], fields: Fields): { row: Record<string, unknown> } | { problems: Problems } {
  const entries: [string, unknown][] = []
  const problems: [string, string][] = []
  for (const column of columns) {
    try {
      const value = valueOf(column, fields[column.name] ?? '')
      if (value !== undefined) entries.push([column.name, value])
    } catch (error) {
      problems.push([column.name, error instanceof Error ? error.message : String(error)])
    }
  }
  // From entries, so that a column may have any name, `__proto__` too.
  return problems.length > 0 ? { problems: Object.fromEntries(problems) } : { row: Object.fromEntries(entries) }
}

type Example = ModelManifest['input_example']

/** The example's rows by column; none for tensors. */
export function exampleRows(example: Example): Record<string, unknown>[] {
  if (!('columns' in example)) return []
  return example.data.map((cells) => Object.fromEntries(example.columns.map((name, index) => [name, cells[index]])))
}

/** What a request sends: at most so many example rows, for tensors as they are. */
export function exampleBody(example: Example): unknown {
  return 'columns' in example ? exampleRows(example).slice(0, 1) : { inputs: example.inputs.slice(0, 1) }
}

/** The only row of a body that the form can show; null for several rows and other shapes. */
export function onlyRow(body: unknown): Record<string, unknown> | null {
  if (!Array.isArray(body) || body.length !== 1) return null
  const row: unknown = body[0]
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? (row as Record<string, unknown>) : null
}

/** The column that a problem's detail names: `column "Age", row 0 (from 0): expected a number, found text`. */
export function columnIn(detail: string, columns: readonly Column[]): string | null {
  const quoted = /column ("(?:[^"\\]|\\.)*")/i.exec(detail)?.[1]
  if (quoted === undefined) return null
  // Names are quoted as in Rust: apart from \u{…} and \', as in JSON.
  const json = quoted
    .replace(/\\u\{([0-9a-f]+)\}/gi, (_, code: string) => JSON.stringify(String.fromCodePoint(parseInt(code, 16))).slice(1, -1))
    .replaceAll("\\'", "'")
    .replaceAll('\\0', '\\u0000')
  try {
    const name: unknown = JSON.parse(json)
    return columns.find((column) => column.name === name)?.name ?? null
  } catch {
    return null
  }
}
