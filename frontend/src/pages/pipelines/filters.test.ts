import { describe, expect, it } from 'vitest'
import { filterOf, withField } from './filters'

describe('filters', () => {
  it('come from the address', () => {
    expect(filterOf(new URLSearchParams('status=failed&repo=local/iris&search=x&attention=true&model='))).toEqual({ status: 'failed', repo: 'local/iris', search: 'x', attention: true })
    expect(filterOf(new URLSearchParams('status=exploded'))).toEqual({})
  })

  it('go into the address', () => {
    const query = new URLSearchParams('status=failed')
    expect(withField(query, 'repo', 'a/b').toString()).toBe('status=failed&repo=a%2Fb')
    expect(withField(query, 'status', '').toString()).toBe('')
  })
})
