import { useState } from 'react'
import type { Column, ModelManifest } from '../../../api'
import { exampleBody, exampleRows, type Fields, fieldsOf, onlyRow, type Problems, rowOf } from './form'

export type Mode = 'form' | 'json'

export interface RequestState {
  mode: Mode
  columns: readonly Column[]
  fields: Fields
  json: string
  /** What would be sent; null while there is a mistake. */
  body: { value: unknown } | null
  /** Mistakes by column, in the form. */
  problems: Problems
  /** The mistake of the JSON text. */
  jsonProblem: string | null
  setFields: (fields: Fields) => void
  setJson: (text: string) => void
  setMode: (mode: Mode) => void
  useExample: (row: number) => void
}

function parse(text: string): { value: unknown } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { value }
    return { problem: 'Write a list of rows, or an object with "inputs", "instances" or "dataframe_split".' }
  } catch (error) {
    return { problem: `This is no JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
}

const pretty = (value: unknown) => JSON.stringify(value, null, 2)

/** The request as the form and the JSON editor make it: what one says, the other takes over. */
export function useRequest(manifest: ModelManifest): RequestState {
  const columns = manifest.signature.kind === 'columns' ? manifest.signature.columns : []
  const rows = exampleRows(manifest.input_example)
  const [mode, setMode] = useState<Mode>(columns.length > 0 ? 'form' : 'json')
  const [fields, setFields] = useState(() => fieldsOf(columns, rows[0] ?? {}))
  const [json, setJson] = useState(() => pretty(exampleBody(manifest.input_example)))

  const row = rowOf(columns, fields)
  const parsed = parse(json)
  const formBody = 'row' in row ? { value: [row.row] } : null
  const jsonBody = 'value' in parsed ? parsed : null

  return {
    mode,
    columns,
    fields,
    json,
    body: mode === 'form' ? formBody : jsonBody,
    problems: 'problems' in row ? row.problems : {},
    jsonProblem: 'problem' in parsed ? parsed.problem : null,
    setFields,
    setJson,
    setMode: (next) => {
      if (next === 'json' && formBody) setJson(pretty(formBody.value))
      const single = next === 'form' && jsonBody ? onlyRow(jsonBody.value) : null
      if (single) setFields(fieldsOf(columns, single))
      setMode(next)
    },
    useExample: (index) => {
      const example = rows[index]
      if (!example) return
      setFields(fieldsOf(columns, example))
      setJson(pretty([example]))
    },
  }
}
