import { describe, expect, it } from 'vitest'
import { makeRepos } from '../../mock/repos'
import { changeOf, formOf, problemsOf } from './change'

const repo = { ...makeRepos(0)[0]!, branch: 'main', notebook_glob: '**/*.ipynb', cpu: '4', memory: null }

describe('changeOf', () => {
  it('is empty for an untouched form', () => {
    expect(changeOf(repo, formOf(repo))).toEqual({})
  })
  it('holds what differs, trimmed', () => {
    expect(changeOf(repo, { ...formOf(repo), branch: ' dev ', memory: '8Gi' })).toEqual({ branch: 'dev', memory: '8Gi' })
  })
  it('takes a resource away', () => {
    expect(changeOf(repo, { ...formOf(repo), cpu: '' })).toEqual({ cpu: null })
  })
})

describe('problemsOf', () => {
  it('takes Kubernetes quantities', () => {
    expect(problemsOf({ ...formOf(repo), cpu: '500m', memory: '1.5Gi' })).toEqual({})
  })
  it('names what is wrong', () => {
    expect(Object.keys(problemsOf({ branch: ' ', notebook_glob: '', cpu: 'two', memory: '4 GB' }))).toEqual(['branch', 'notebook_glob', 'cpu', 'memory'])
  })
})
