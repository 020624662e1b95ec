import { describe, expect, it } from 'vitest'
import type { Parameter, ParameterType } from '../../api'
import { compare } from './compare'
import { fieldOf, initialFields, parseField, readFields } from './parameters'

function parameter(name: string, type: ParameterType, value: unknown): Parameter {
  return { name, type, default: value, source: JSON.stringify(value), help: null }
}

const parameters = [
  parameter('rows', 'int', 100),
  parameter('share', 'float', 0.2),
  parameter('mode', 'str', 'fast'),
  parameter('balanced', 'bool', false),
  parameter('columns', 'list', ['a', { b: 1 }]),
  parameter('options', 'dict', { depth: 3 }),
  parameter('limit', 'none', null),
  parameter('started', 'other', null),
]

describe('fields', () => {
  it.each<[ParameterType, string, unknown]>([
    ['int', ' -12 ', -12],
    ['float', '1e-3', 0.001],
    ['float', '.5', 0.5],
    ['str', ' kept as it is ', ' kept as it is '],
    ['list', '[1, "a"]', [1, 'a']],
    ['dict', '{"a": null}', { a: null }],
    ['none', '', null],
    ['none', '3', 3],
    ['other', 'plain text', 'plain text'],
  ])('%s takes %j', (type, text, value) => expect(parseField(type, text)).toEqual({ ok: true, value }))

  it.each<[ParameterType, string]>([
    ['int', ''],
    ['int', '1.5'],
    ['int', '99999999999999999999'],
    ['float', '1,5'],
    ['float', 'NaN'],
    ['float', '1e999'],
    ['list', '{"a": 1}'],
    ['list', "['a']"],
    ['dict', '[1]'],
    ['dict', 'null'],
  ])('%s refuses %j', (type, text) => expect(parseField(type, text).ok).toBe(false))

  it('show values so that reading them changes nothing', () => {
    for (const { type, default: own } of parameters) expect(parseField(type, fieldOf(type, own))).toEqual({ ok: true, value: own })
  })
})

describe('the form', () => {
  it('submits nothing when nothing differs', () => {
    expect(readFields(parameters, initialFields(parameters, {}))).toEqual({ changed: {}, problems: {} })
  })

  it('keeps what the run had, and submits only what differs from the notebook', () => {
    const fields = initialFields(parameters, { share: 0.25, mode: 'fast', gone: 1 })
    expect(fields.share).toBe('0.25')
    const reading = readFields(parameters, { ...fields, balanced: true, columns: '["a", {"b": 1}]', options: '{"depth": 4}' })
    expect(reading).toEqual({ changed: { share: 0.25, balanced: true, options: { depth: 4 } }, problems: {} })
  })

  it('names what is wrong', () => {
    const reading = readFields(parameters, { ...initialFields(parameters, {}), rows: 'many' })
    expect(Object.keys(reading.problems)).toEqual(['rows'])
  })
})

describe('compare', () => {
  it('sets metrics beside the champion’s', () => {
    expect(compare({ rmse: 3, accuracy: 0.5, loss: null }, { accuracy: 0.75, other: 1 })).toEqual([
      { name: 'accuracy', value: 0.5, champion: 0.75, difference: -0.25 },
      { name: 'loss', value: null, champion: null, difference: null },
      { name: 'rmse', value: 3, champion: null, difference: null },
    ])
  })
})
