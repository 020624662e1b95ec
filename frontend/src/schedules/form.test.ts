import { describe, expect, it } from 'vitest'
import { ApiProblem } from '../api/problem'
import { ENVIRONMENTS, type Schedule, type Work } from '../api/types'
import { draftOf } from '../batch/form'
import { draftOfSchedule, fieldOf, nameOf, newDraft, newSchedule, parametersIn, patchOf, policyProblems, problemsOf, type ScheduleDraft, workOf } from './form'
import { workText } from './words'

const scoring = { ...draftOf('local.titanic.test'), model: ' titanic ', version: ' 3 ', columns: ['id'] }
const draft = (given: Partial<ScheduleDraft> = {}): ScheduleDraft => ({ ...newDraft('Europe/Berlin'), batch: scoring, ...given })
const retraining = (given: Partial<ScheduleDraft> = {}) => draft({ kind: 'retraining', repo: ' acme/iris ', notebook: ' models/train iris.ipynb ', parameters: ' {"epochs": 20} ', ...given })

const work: Work = {
  kind: 'batch_prediction',
  model_name: 'titanic',
  environment: 'dev',
  version: 3,
  input_table: 'local.titanic.test',
  output_table: 'local.titanic.test_predictions',
  write_disposition: 'WRITE_APPEND',
  id_columns: ['id'],
  on_reject: 'table',
}
const names = { prediction: 'Survived', timestamp: 'At', model_name: 'Model', model_version: 'Version', probability: 'Probability', scheduled_for: 'For' }
const schedule = (given: Partial<Schedule> = {}): Schedule => ({
  id: 'one',
  name: 'nightly',
  work,
  cron: '30 2 * * *',
  time_zone: 'Europe/Berlin',
  overlap: 'queue',
  misfire: 'all',
  paused: true,
  description: 'At 02:30.',
  next_firings: [],
  last_firing: null,
  waiting: 0,
  created_by: null,
  created_at: '2026-12-01T00:00:00Z',
  changed_at: '2026-12-01T00:00:00Z',
  source: null,
  ...given,
})

describe('a schedule as it is typed', () => {
  it('asks for a batch prediction, under a name of its own', () => {
    expect(problemsOf(draft(), 'dev')).toEqual({})
    expect(newSchedule(draft({ cron: ' 0 7 * * 1-5 ', paused: true }), 'dev')).toEqual({
      name: 'titanic-predictions-dev',
      work,
      cron: '0 7 * * 1-5',
      time_zone: 'Europe/Berlin',
      overlap: 'skip',
      misfire: 'once',
      paused: true,
    })
  })

  it('asks for a notebook, with its parameters', () => {
    expect(problemsOf(retraining(), 'dev')).toEqual({})
    const { name, work: asked } = newSchedule(retraining(), 'dev')
    expect([name, asked]).toEqual(['iris-train-iris-retraining', { kind: 'retraining', repo: 'acme/iris', branch: 'main', notebook_path: 'models/train iris.ipynb', parameters: { epochs: 20 } }])
  })

  it('asks for retention, and for nothing that other kinds take', () => {
    const given = draft({ kind: 'retention', repo: 'acme/iris', parameters: '[' })
    expect(problemsOf({ ...given, batch: draftOf('') }, 'prod')).toEqual({})
    expect(newSchedule(given, 'prod')).toMatchObject({ name: 'retention', work: { kind: 'retention' } })
  })

  it.each(ENVIRONMENTS)('asks for a scan of the registry of %s, whatever is asked of models', (scanned) => {
    const given = draft({ kind: 'registry_scan', scanned, batch: draftOf(''), repo: 'iris', parameters: '[' })
    expect(problemsOf(given, 'staging')).toEqual({})
    const { name, work: asked } = newSchedule(given, 'staging')
    expect([name, asked]).toEqual([`registry-scan-${scanned}`, { kind: 'registry_scan', environment: scanned }])
    const made = schedule({ work: asked })
    expect(draftOfSchedule(made)).toMatchObject({ kind: 'registry_scan', scanned })
    expect(patchOf(made, draftOfSchedule(made), 'staging')).toEqual({})
    expect(workText(asked)).toBe(`The bucket of ${scanned} → local.mlsys_${scanned}.model_registry`)
  })

  it('has the name that somebody typed', () => {
    expect(nameOf(draft({ name: 'mine' }), 'dev')).toBe('mine')
    expect(newSchedule(draft({ name: ' mine ' }), 'dev').name).toBe('mine')
    expect(nameOf(draft({ batch: draftOf('') }), 'dev')).toBe('')
  })

  it.each([
    ['acme/iris', 'a/träin  iris.v2.ipynb', 'iris-tr-in--iris.v2-retraining'],
    ['acme/iris', `${'n'.repeat(61)}.ipynb`, `iris-${'n'.repeat(60)}-retraining`],
    ['acme/iris', '', ''],
    ['iris', 'train.ipynb', ''],
  ])('is called what the backend would call it: %s, %s', (repo, notebook, name) => expect(nameOf(retraining({ repo, notebook }), 'dev')).toBe(name))

  it('does not end by one firing another that it makes up for', () => {
    expect(policyProblems({ overlap: 'replace', misfire: 'all' })).toHaveProperty('misfire')
    for (const [overlap, misfire] of [
      ['replace', 'once'],
      ['queue', 'all'],
    ] as const)
      expect(policyProblems({ overlap, misfire })).toEqual({})
  })

  it.each([
    [draft({ name: '' }), ['name']],
    [draft({ name: 'two words' }), ['name']],
    [draft({ name: 'nächtlich' }), ['name']],
    [draft({ name: 'a'.repeat(129) }), ['name']],
    [draft({ cron: ' ' }), ['cron']],
    // What is missing is said once: the name follows from it.
    [draft({ batch: draftOf('') }), ['model', 'input', 'output']],
    [retraining({ repo: 'iris' }), ['repo']],
    [retraining({ repo: '', branch: ' ', notebook: '', parameters: '[1]' }), ['repo', 'branch', 'notebook', 'parameters']],
  ])('says what to correct (%#)', (given, fields) => expect(Object.keys(problemsOf(given, 'dev')).sort()).toEqual([...fields].sort()))

  it.each([
    ['', {}],
    [' {"a": [1, null], "b": {"c": "d"}} ', { a: [1, null], b: { c: 'd' } }],
  ])('reads the parameters “%s”', (text, value) => expect(parametersIn(text)).toEqual({ value }))

  it.each(['[1]', '"text"', 'null', '{a: 1}', '{"a": 1'])('takes no parameters like %s', (text) => expect(parametersIn(text)).toHaveProperty('problem'))
})

describe('a schedule that is changed', () => {
  it('begins as it is, and so asks for nothing', () => {
    for (const one of [schedule(), schedule({ work: { ...work, names } }), schedule({ work: { kind: 'retention' } })]) expect(patchOf(one, draftOfSchedule(one), 'dev')).toEqual({})
    // What the API need not say is what it would be then.
    const brief: Schedule['work'] = { kind: 'batch_prediction', model_name: 'titanic', environment: 'dev', input_table: 'a.b.c', output_table: 'a.b.d' }
    expect(patchOf(schedule({ work: brief }), draftOfSchedule(schedule({ work: brief })), 'dev')).toEqual({})
    const short = schedule({ work: { kind: 'retraining', repo: 'acme/iris', notebook_path: 'train.ipynb' } })
    expect(draftOfSchedule(short)).toMatchObject({ branch: 'main', parameters: '' })
    expect(patchOf(short, draftOfSchedule(short), 'prod')).toEqual({})
    const trained = schedule({ work: { kind: 'retraining', repo: 'acme/iris', branch: 'main', notebook_path: 'train.ipynb', parameters: { b: 1, a: { d: 2, c: 3 } } } })
    // The same in another order is the same.
    expect(patchOf(trained, { ...draftOfSchedule(trained), parameters: '{"a": {"c": 3, "d": 2}, "b": 1}' }, 'prod')).toEqual({})
  })

  it('asks for what differs alone, and leaves pausing and the name as they are', () => {
    const wanted = { ...draftOfSchedule(schedule()), cron: '@daily', zone: 'UTC', paused: false, name: 'other' }
    expect(patchOf(schedule(), wanted, 'dev')).toEqual({ cron: '@daily', time_zone: 'UTC' })
  })

  it('keeps what the form does not show of its work', () => {
    const before = schedule({ work: { ...work, names } })
    const wanted = draftOfSchedule(before)
    expect(patchOf(before, { ...wanted, batch: { ...wanted.batch, version: '' } }, 'dev')).toEqual({ work: { ...work, version: null, names } })
    expect(workOf(wanted, 'dev')).toEqual(work)
  })
})

describe('a scan that is changed', () => {
  it('asks for the other environment', () => {
    const before = schedule({ work: { kind: 'registry_scan', environment: 'dev' } })
    expect(patchOf(before, { ...draftOfSchedule(before), scanned: 'prod' }, 'dev')).toEqual({ work: { kind: 'registry_scan', environment: 'prod' } })
  })
})

describe('a refusal', () => {
  const refusal = (code: string, detail = '', status = 400) => new ApiProblem({ code, status, title: '', detail })
  const notebook: Work = { kind: 'retraining', repo: 'acme/iris', branch: 'main', notebook_path: 'train.ipynb', parameters: {} }
  it.each([
    [refusal('bad_cron'), work, 'cron'],
    [refusal('bad_time_zone'), work, 'zone'],
    [refusal('bad_name'), work, 'name'],
    [refusal('name_taken', '', 409), notebook, 'name'],
    [refusal('not_found', 'there is no table local.titanic.test', 404), work, 'input'],
    [refusal('not_deployed', 'nothing of titanic is deployed to dev', 409), work, 'model'],
    [refusal('bad_policies'), work, 'misfire'],
    [refusal('bad_branch', 'branch must be the name of a branch', 422), notebook, 'branch'],
    [refusal('unknown_branch', 'acme/iris has no branch main', 422), notebook, 'branch'],
    [refusal('bad_notebook_path', 'notebook_path must be the path of an .ipynb file in the repository'), notebook, 'notebook'],
    [refusal('not_found', 'acme/iris is not registered: POST /api/repos registers it', 404), notebook, 'repo'],
    // Somebody has deleted the schedule meanwhile.
    [refusal('not_found', 'there is no schedule of this id', 404), notebook, null],
    [refusal('forbidden', 'acme/iris is not yours', 403), notebook, null],
    [refusal('internal', 'local.titanic.test', 500), work, null],
    [refusal('odd', 'something else'), { kind: 'retention' }, null],
  ] satisfies [ApiProblem, Work, string | null][])('belongs to a field (%#)', (problem, of, field) => expect(fieldOf(problem, of)).toBe(field))
})
