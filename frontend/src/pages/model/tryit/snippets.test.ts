import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { curl, javascript, predictUrl, python, pythonValue, scriptValue, shellWord } from './snippets'

const hostile = ["it's", '"; rm -rf / #', '$(id) `id` $HOME !!', 'back\\slash', 'two\nlines', '@/etc/passwd', '</script>', '\u2028\u0000é🙂', '${x}']

describe('shellWord', () => {
  it.each(hostile.filter((text) => !text.includes('\u0000')))('is one word that means %j', (text) => {
    expect(execFileSync('sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' })).toBe(text)
  })
})

describe('curl', () => {
  it('passes the body on as it is', () => {
    const body = hostile.map((text) => ({ [text]: text }))
    const command = curl({ url: 'http://mlsys.test/models/a/predict?env=prod', body }).replace('curl', 'printf "%s\\n"')
    const words = execFileSync('sh', ['-c', command], { encoding: 'utf8' }).trim().split('\n')
    expect(words.slice(0, 5)).toEqual(['-X', 'POST', 'http://mlsys.test/models/a/predict?env=prod', '-H', 'content-type: application/json'])
    expect(JSON.parse(words[6] ?? '')).toEqual(body)
  })
})

describe('Python', () => {
  it('has its own words for null and truths', () => {
    expect(pythonValue([{ a: null, b: true, c: false, d: -0.5 }])).toBe('[{"a": None, "b": True, "c": False, "d": -0.5}]')
  })
  it('breaks long values over lines', () => {
    const text = pythonValue([Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`column_${index}`, index]))])
    expect(text).toContain('\n        "column_3": 3,\n')
  })
  it('quotes the address', () => {
    expect(python({ url: 'http://x/models/a/predict', body: [] })).toContain('requests.post("http://x/models/a/predict", json=rows')
  })
})

describe('JavaScript', () => {
  it('means the same value, whatever it holds', () => {
    const body = [
      ...hostile.map((text) =>
        Object.fromEntries([
          [text, text],
          ['__proto__', 1],
        ]),
      ),
      null,
      [[]],
      { a: {} },
    ]
    const read = new Function(`return ${scriptValue(body)}`) as () => unknown
    expect(JSON.stringify(read())).toBe(JSON.stringify(body))
  })
  it('throws at a refusal', () => {
    expect(javascript({ url: 'http://x', body: [] })).toContain('if (!response.ok) throw')
  })
})

it('names environment or version in the address', () => {
  expect(predictUrl('http://x', 'a', {})).toBe('http://x/models/a/predict')
  expect(predictUrl('http://x', 'a b', { env: 'prod' })).toBe('http://x/models/a%20b/predict?env=prod')
  expect(predictUrl('http://x', 'a', { version: 3 })).toBe('http://x/models/a/predict?version=3')
})
