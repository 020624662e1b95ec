import { describe, expect, it } from 'vitest'
import { nameIn, readName, tablePath } from './name'

describe('the name of a table', () => {
  it.each([['local.titanic.train'], ['a.b.c'], ['my-project.daten_2.Käufe-3'], ['_x.1.2']])('%s has three parts', (name) => expect(nameIn(name)).toBe(name))

  it('is read as people paste it', () => {
    expect(nameIn('  `local.titanic.train` ')).toBe('local.titanic.train')
    expect(readName('   ')).toBeNull()
  })

  it.each([
    ['titanic', /three parts/],
    ['local.titanic', /three parts/],
    ['a.b.c.d', /three parts/],
    ['a..c', /three parts/],
    ['a.b.-c', /begin none with/],
    ['a.b.c d', /letters, digits/],
    ['a.b/../x.c', /three parts/],
    ['a.b.../c', /three parts/],
    ['a/b.c.d', /letters, digits/],
    [`a.b.${'ü'.repeat(128)}`, /at most 255 bytes/],
    ['a._delta_log.c', /log/],
  ])('is not %s', (text, says) => {
    expect(readName(text)).toEqual({ problem: expect.stringMatching(says) })
    expect(nameIn(text)).toBeNull()
  })

  it('leads to its page', () => {
    expect(tablePath('a.b.c')).toBe('/tables/a.b.c')
    expect(tablePath('a.b.ü', 3)).toBe('/tables/a.b.%C3%BC?version=3')
  })
})
