import { describe, expect, it } from 'vitest'
import { parseRepo } from './parse'

describe('parseRepo', () => {
  it.each([
    ['acme/pricing'],
    ['  acme/pricing/ '],
    ['https://github.com/acme/pricing'],
    ['https://github.com/acme/pricing.git'],
    ['https://github.com/acme/pricing/tree/main/notebooks?tab=readme#top'],
    ['github.com/acme/pricing'],
    ['www.github.com/acme/pricing/'],
    ['git@github.com:acme/pricing.git'],
    ['ssh://git@github.com/acme/pricing.git'],
    ['https://token@git.example.org/acme/pricing'],
  ])('reads %s', (text) => {
    expect(parseRepo(text)).toEqual({ fullName: 'acme/pricing' })
  })

  it('keeps a name that ends in .git where no address says what it means', () => {
    expect(parseRepo('acme/pricing.git')).toEqual({ fullName: 'acme/pricing.git' })
  })

  it.each([['pricing'], ['https://github.com/'], ['https://github.com/acme'], ['a/b/c'], ['acme/../x'], ['acme/pri cing'], ['acme/..'], ['acme/<b>']])('refuses %s and says why', (text) => {
    expect(parseRepo(text)).toHaveProperty('problem')
  })

  it('waits for text', () => {
    expect(parseRepo('  ')).toBeNull()
  })
})
