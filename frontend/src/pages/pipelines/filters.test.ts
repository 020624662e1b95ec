import { describe, expect, it } from 'vitest'
import { makePipelines } from '../../mock/pipelines'
import { filterOf, matchesText, withField } from './filters'

describe('filters', () => {
  it('come from the address', () => {
    expect(filterOf(new URLSearchParams('status=failed&repo=local/iris&text=x&model='))).toEqual({ status: 'failed', repo: 'local/iris' })
    expect(filterOf(new URLSearchParams('status=exploded'))).toEqual({})
  })

  it('go into the address', () => {
    const query = new URLSearchParams('status=failed')
    expect(withField(query, 'repo', 'a/b').toString()).toBe('status=failed&repo=a%2Fb')
    expect(withField(query, 'status', '').toString()).toBe('')
  })

  it('find every word', () => {
    const [pipeline] = makePipelines(Date.now())
    if (!pipeline) throw new Error('no pipeline')
    expect(matchesText(pipeline, 'MAIN titanic')).toBe(true)
    expect(matchesText(pipeline, 'main churn')).toBe(false)
  })
})
