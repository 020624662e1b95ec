import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../api/problem'
import { bodyOf, type Draft, draftOf, environmentOf, fieldOf, outputOf, problemsOf } from './form'

const draft = (given: Partial<Draft> = {}): Draft => ({ ...draftOf('local.titanic.train'), model: 'titanic', ...given })
const refusal = (detail: string, status = 400) => new ApiProblem({ code: 'x', status, title: '', detail })

describe('a batch prediction as it is typed', () => {
  it('has what is needed once model and input are chosen', () => {
    expect(problemsOf(draft())).toEqual({})
    expect(bodyOf(draft(), 'prod')).toEqual({
      model_name: 'titanic',
      environment: 'prod',
      version: null,
      input_table: 'local.titanic.train',
      output_table: 'local.titanic.train_predictions',
      write_disposition: 'WRITE_APPEND',
      id_columns: null,
      on_reject: 'table',
    })
  })

  it('names the output after the input until another is typed', () => {
    expect([outputOf(draft()), outputOf(draft({ input: 'local.' })), outputOf(draft({ output: '' }))]).toEqual(['local.titanic.train_predictions', '', ''])
    expect(bodyOf(draft({ output: ' `a.b.c` ', version: ' 7 ', columns: ['id'] }), 'dev')).toMatchObject({ output_table: 'a.b.c', version: 7, id_columns: ['id'] })
  })

  it.each([
    [{ model: ' ' }, 'model'],
    [{ version: '0' }, 'version'],
    [{ version: '1.5' }, 'version'],
    [{ input: '' }, 'input'],
    [{ input: 'titanic' }, 'input'],
    [{ output: 'a.b' }, 'output'],
    [{ columns: [] }, 'columns'],
  ] satisfies [Partial<Draft>, string][])('%j says what to correct', (given, field) => {
    expect(Object.keys(problemsOf(draft(given)))).toContain(field)
  })

  it('asks where the model serves, nearest to production, until somebody chooses', () => {
    expect(environmentOf(draft(), { dev: 3, staging: 2 })).toBe('staging')
    expect(environmentOf(draft(), undefined)).toBe('prod')
    expect(environmentOf(draft({ environment: 'dev' }), { prod: 1 })).toBe('dev')
  })
})

describe('a refusal', () => {
  const body = bodyOf(draft({ version: '4', columns: ['id'] }), 'prod')
  it.each([
    ['there is no table local.titanic.train: name another', 'input'],
    ['local.titanic.train_predictions has rows', 'output'],
    ['id_columns: the input has no column "id"', 'columns'],
    ['titanic has no version 4', 'version'],
    ['there is no model titanic.', 'model'],
    ['acme.titanic.other has no columns', null],
    ['there is no model titanic-2', null],
    ['something else', null],
  ])('that says “%s” belongs to %s', (detail, field) => expect(fieldOf(refusal(detail), body)).toBe(field))

  it('of who asks, and failures of the server, belong to no field', () => {
    for (const status of [0, 403, 429, 500]) expect(fieldOf(refusal('local.titanic.train', status), body)).toBeNull()
  })
})
