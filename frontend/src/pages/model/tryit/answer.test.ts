import { describe, expect, it } from 'vitest'
import { MOST, percentOf, sharesOf, valueText } from './answer'

const base = { model_name: 'a', model_version: 1 }

describe('sharesOf', () => {
  it('names the classes', () => {
    expect(sharesOf({ ...base, predictions: ['b'], probabilities: [[0.2, 0.8]], classes: ['a', 'b'] }, 0)).toEqual([
      { label: 'a', share: 0.2 },
      { label: 'b', share: 0.8 },
    ])
  })
  it('counts them where they have no names', () => {
    expect(sharesOf({ ...base, predictions: [0], probabilities: [[1]] }, 0)).toEqual([{ label: '0', share: 1 }])
  })
  it('keeps the likeliest of many', () => {
    const probabilities = [Array.from({ length: 30 }, (_, index) => index / 100)]
    const shares = sharesOf({ ...base, predictions: [29], probabilities }, 0)
    expect(shares).toHaveLength(MOST)
    expect(shares[0]).toEqual({ label: '29', share: 0.29 })
  })
  it('is empty for regressions', () => {
    expect(sharesOf({ ...base, predictions: [1.5] }, 0)).toEqual([])
  })
})

it('writes predictions of every kind', () => {
  expect([1, 312_400.5, 1.5e-9, 'stays', true, [1, 2], null].map(valueText)).toEqual(['1', '312,400.5', '1.5e-9', 'stays', 'true', '[1,2]', 'null'])
})

it('rounds nothing away', () => {
  expect([0, 0.00001, 0.5, 0.99999, 1].map(percentOf)).toEqual(['0.0 %', '< 0.1 %', '50.0 %', '> 99.9 %', '100.0 %'])
})
