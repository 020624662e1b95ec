import type { Parameter, ParameterType } from '../../api'

/** What a field holds: a tick, or text. */
export type FieldValue = string | boolean

export type Parsed = { ok: true; value: unknown } | { ok: false; problem: string }

const INTEGER = /^[+-]?\d+$/
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

function parseJson(text: string, fits: (value: unknown) => boolean, wanted: string): Parsed {
  try {
    const value: unknown = JSON.parse(text)
    return fits(value) ? { ok: true, value } : { ok: false, problem: `This is no ${wanted}.` }
  } catch {
    return { ok: false, problem: `Write a ${wanted} as JSON, with texts in double quotes.` }
  }
}

function parseNumber(text: string, type: 'int' | 'float'): Parsed {
  const trimmed = text.trim()
  if (type === 'int' && !INTEGER.test(trimmed)) return { ok: false, problem: 'Write a whole number.' }
  if (type === 'float' && !FLOAT.test(trimmed)) return { ok: false, problem: 'Write a number, with a point before the decimals.' }
  const value = Number(trimmed)
  if (!Number.isFinite(value) || (type === 'int' && !Number.isSafeInteger(value))) return { ok: false, problem: 'This number is too large.' }
  return { ok: true, value }
}

const isDict = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value that a field's content means. */
export function parseField(type: ParameterType, field: FieldValue): Parsed {
  if (typeof field === 'boolean') return { ok: true, value: field }
  switch (type) {
    case 'int':
    case 'float':
      return parseNumber(field, type)
    case 'list':
      return parseJson(field, Array.isArray, 'list')
    case 'dict':
      return parseJson(field, isDict, 'dictionary')
    case 'none':
    case 'other':
      // Empty leaves what the notebook says; text that is no JSON is meant as text.
      if (field.trim() === '') return { ok: true, value: null }
      try {
        return { ok: true, value: JSON.parse(field) as unknown }
      } catch {
        return { ok: true, value: field }
      }
    default:
      return { ok: true, value: field }
  }
}

/** The content of a field for a value. */
export function fieldOf(type: ParameterType, value: unknown): FieldValue {
  if (type === 'bool') return value === true
  if (type === 'none' || type === 'other') return value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value)
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}

/** What the form begins with: what the run had, and the notebook's own values elsewhere. */
export function initialFields(parameters: readonly Parameter[], had: Record<string, unknown>): Record<string, FieldValue> {
  return Object.fromEntries(parameters.map(({ name, type, default: own }) => [name, fieldOf(type, Object.hasOwn(had, name) ? had[name] : own)]))
}

function sameJson(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>]
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every((name) => Object.hasOwn(right, name) && sameJson(left[name], right[name]))
}

export interface Reading {
  /** Only what differs from the notebook. */
  changed: Record<string, unknown>
  problems: Record<string, string>
}

/** Reads the whole form. */
export function readFields(parameters: readonly Parameter[], fields: Record<string, FieldValue>): Reading {
  const reading: Reading = { changed: {}, problems: {} }
  for (const { name, type, default: own } of parameters) {
    const parsed = parseField(type, fields[name] ?? '')
    if (!parsed.ok) reading.problems[name] = parsed.problem
    else if (!sameJson(parsed.value, own ?? null)) reading.changed[name] = parsed.value
  }
  return reading
}
