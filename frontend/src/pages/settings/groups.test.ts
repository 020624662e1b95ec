import { describe, expect, it } from 'vitest'
import type { Setting } from '../../api'
import { filter, group } from './groups'

const setting = (name: string, change: Partial<Setting> = {}): Setting => ({ name, value: '1', secret: false, from: 'default', help: '', ...change })

describe('group', () => {
  it('puts each setting into one group, and unknown ones into the last', () => {
    const groups = group(['NEW_THING', 'DATABASE_URL', 'KUBERNETES_CPU', 'RUNNER_BACKEND', 'MLSYS_PORT', 'RUN_TIMEOUT_SECONDS'].map((name) => setting(name)))
    expect(groups.map((one) => [one.name, one.settings.length])).toEqual([
      ['Storage and services', 1],
      ['Kubernetes', 2],
      ['Running notebooks', 1],
      ['Addresses and the rest', 2],
    ])
  })
})

describe('filter', () => {
  const all = [setting('A_PORT', { help: 'Where it listens', from: 'environment' }), setting('B_TOKEN', { secret: true, value: '••••' })]
  it('looks for every word, in name, value and help', () => {
    expect(filter(all, 'listens port', false)).toHaveLength(1)
    expect(filter(all, 'listens token', false)).toHaveLength(0)
  })
  it('does not look into hidden values', () => {
    expect(filter(all, '••', false)).toHaveLength(0)
  })
  it('can leave out what is not set', () => {
    expect(filter(all, '', true).map((one) => one.name)).toEqual(['A_PORT'])
  })
})
