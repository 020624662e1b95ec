const plain = new Intl.NumberFormat('en', { maximumSignificantDigits: 5 })
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** Metrics and other measured numbers: five significant digits, an exponent where the number is far from one. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–'
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(3)
  return Number.isInteger(value) ? whole.format(value) : plain.format(value)
}

export function formatCount(value: number): string {
  return whole.format(value)
}

/** `1 line`, `2 lines`. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : many}`
}

/** `812 B`, `1.4 kB`, `20 MB`: in powers of a thousand. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000
    unit += 1
  }
  return `${unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** The first 12 digits of a commit or digest. */
export function shortSha(sha: string): string {
  return sha.replace(/^sha256:/, '').slice(0, 12)
}
