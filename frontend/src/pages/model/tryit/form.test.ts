import { describe, expect, it } from 'vitest'
import type { Column } from '../../../api'
import { columnIn, controlOf, emptyFields, exampleBody, exampleRows, fieldsOf, onlyRow, rowOf } from './form'

const column = (name: string, type: Column['type'], change: Partial<Column> = {}): Column => ({ name, type, required: true, nullable: false, ...change })
const one = (type: Column['type'], text: string, change: Partial<Column> = {}) => rowOf([column('x', type, change)], { x: text })

describe('controlOf', () => {
  it('gives each type its control', () => {
    expect((['boolean', 'integer', 'double', 'string', 'datetime'] as const).map((type) => controlOf(column('x', type)))).toEqual(['checkbox', 'number', 'number', 'text', 'datetime'])
  })
  it('gives a truth that may be missing three states', () => {
    expect(controlOf(column('x', 'boolean', { nullable: true }))).toBe('choice')
  })
})

describe('rowOf', () => {
  it('reads each type', () => {
    expect(one('long', ' 12 ')).toEqual({ row: { x: 12 } })
    expect(one('double', '1e-3')).toEqual({ row: { x: 0.001 } })
    expect(one('boolean', 'true')).toEqual({ row: { x: true } })
    expect(one('string', ' a ')).toEqual({ row: { x: ' a ' } })
    expect(one('datetime', '1987-05-01T00:00')).toEqual({ row: { x: '1987-05-01T00:00:00' } })
  })
  it('says what is wrong with which field', () => {
    expect(one('long', '1.5')).toEqual({ problems: { x: 'Write a whole number.' } })
    expect(one('integer', '2147483648')).toHaveProperty('problems.x')
    expect(one('integer', '-2147483648')).toHaveProperty('row.x')
    expect(one('long', '9007199254740993')).toHaveProperty('problems.x')
    expect(one('double', 'NaN')).toEqual({ problems: { x: 'Write a number.' } })
    expect(one('double', '')).toEqual({ problems: { x: 'Fill in a value.' } })
    expect(one('datetime', 'soon')).toHaveProperty('problems.x')
  })
  it('tells null, left out and empty text apart', () => {
    expect(one('double', '', { nullable: true })).toEqual({ row: { x: null } })
    expect(one('double', '', { required: false })).toEqual({ row: {} })
    expect(one('string', '')).toEqual({ row: { x: '' } })
    expect(one('string', '', { nullable: true })).toEqual({ row: { x: null } })
  })
  it('takes columns of any name', () => {
    const { row } = rowOf([column('__proto__', 'long')], Object.fromEntries([['__proto__', '1']])) as { row: object }
    expect(JSON.stringify(row)).toBe('{"__proto__":1}')
  })
})

describe('fieldsOf', () => {
  const columns = [column('n', 'double', { nullable: true }), column('b', 'boolean'), column('d', 'datetime'), column('s', 'string')]
  it('comes back as the row it was filled with', () => {
    const row = { n: null, b: true, d: '2026-11-21T10:00:00', s: 'é "x"' }
    expect(rowOf(columns, fieldsOf(columns, row))).toEqual({ row })
  })
  it('shows dates and moments in UTC', () => {
    expect(fieldsOf(columns, { d: '1987-05-01' }).d).toBe('1987-05-01T00:00:00')
    expect(fieldsOf(columns, { d: '2026-11-21T10:00:00+02:00' }).d).toBe('2026-11-21T08:00:00')
  })
  it('knows no missing truth in a box', () => {
    expect(fieldsOf(columns, {}).b).toBe('false')
    expect(emptyFields(columns)).toEqual({ n: '', b: 'false', d: '', s: '' })
  })
})

describe('examples', () => {
  it('become rows by column', () => {
    const example = {
      columns: ['a', 'b'],
      data: [
        [1, 'x'],
        [2, null],
      ],
    }
    expect(exampleRows(example)).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: null },
    ])
    expect(exampleBody(example)).toEqual([{ a: 1, b: 'x' }])
  })
  it('of tensors stay arrays', () => {
    expect(exampleRows({ inputs: [[1], [2]] })).toEqual([])
    expect(exampleBody({ inputs: [[1], [2]] })).toEqual({ inputs: [[1]] })
  })
})

it('shows only a single row in the form', () => {
  expect(onlyRow([{ a: 1 }])).toEqual({ a: 1 })
  for (const body of [[], [{}, {}], [[1]], { inputs: [] }, [null]]) expect(onlyRow(body)).toBeNull()
})

describe('columnIn', () => {
  const columns = [column('Age', 'double'), column('a "b" \\ é', 'string'), column('line\nbreak', 'string')]
  it('finds the column that the server names', () => {
    expect(columnIn('column "Age", row 0 (from 0): expected a number, found text (line 1, column 9 of the body)', columns)).toBe('Age')
    expect(columnIn('column "Age" is missing in row 0 (from 0)', columns)).toBe('Age')
  })
  it('reads quoted names', () => {
    expect(columnIn('column "a \\"b\\" \\\\ é": no', columns)).toBe('a "b" \\ é')
    expect(columnIn('column "line\\nbreak": no', columns)).toBe('line\nbreak')
    expect(columnIn('column "\\u{41}ge": no', columns)).toBe('Age')
  })
  it('finds none otherwise', () => {
    expect(columnIn('column "Sex" is unknown', columns)).toBeNull()
    expect(columnIn('the body is no JSON', columns)).toBeNull()
  })
})
