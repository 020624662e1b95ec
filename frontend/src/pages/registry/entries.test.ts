import { describe, expect, it } from 'vitest'
import { found, versionsIn } from './entries'

const columns = ['name', 'version', 'environment', 'bucket', 'path', 'size', 'uploader', 'uploaded_at', 'registered_at', 'metrics']
const row = (name: string, version: number, uploader: unknown, metrics: unknown) => [
  name,
  version,
  'dev',
  'b',
  `${name}/v${version}/model.pkl`,
  7,
  uploader,
  '2026-03-01T10:00:00Z',
  'long ago',
  metrics,
]
const read = (...rows: unknown[][]) => versionsIn({ version: 0, columns, rows }) ?? []

describe('versionsIn', () => {
  it('reads rows, whatever was said of a version', () => {
    const [full, bare, odd] = read(row('irises', 3, 'ada', '{"accuracy":0.8,"f1":null}'), row('irises', 4, null, null), row('irises', 5, '', '[1]'))
    expect(full).toEqual({
      name: 'irises',
      version: '3',
      size: 7,
      uploader: 'ada',
      uploaded_at: '2026-03-01T10:00:00Z',
      registered_at: null,
      metrics: [
        ['accuracy', 0.8],
        ['f1', null],
      ],
    })
    expect([bare?.uploader, bare?.metrics, odd?.uploader, odd?.metrics]).toEqual([null, [], null, []])
  })
  it('knows another table', () => {
    expect(versionsIn({ version: 0, columns: ['name', 'version'], rows: [] })).toBeNull()
  })
})

describe('found', () => {
  it('takes each word of a search', () => {
    const all = read(row('irises', 3, 'mlsys', null), row('by-hand', 10, 'Ada', null))
    const names = (search: string) => found(all, search).map((one) => one.name)
    expect([names(''), names('IRIS v3'), names('ada'), names('irises ada')]).toEqual([['irises', 'by-hand'], ['irises'], ['by-hand'], []])
  })
})
