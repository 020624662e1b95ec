import { linear } from './scale'

interface SparklineProps {
  values: readonly (number | null)[]
  /** In words what the line shows; the numbers should stand nearby. */
  label: string
  width?: number
  height?: number
}

/** A small line without axes. Missing values leave a gap. */
export function Sparkline({ values, label, width = 96, height = 24 }: SparklineProps) {
  const known = values.filter((value) => value !== null)
  const x = linear(0, Math.max(1, values.length - 1), 2, width - 2)
  const y = linear(Math.min(...known), Math.max(...known), height - 3, 3)
  let path = ''
  let gap = true
  values.forEach((value, index) => {
    if (value !== null) path += `${gap ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`
    gap = value === null
  })
  const last = values.findLastIndex((value) => value !== null)
  return (
    <svg role="img" aria-label={label} width={width} height={height} className="inline-block align-middle text-accent">
      <title>{label}</title>
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
      {last >= 0 && <circle cx={x(last)} cy={y(values[last] ?? 0)} r="2" fill="currentColor" />}
    </svg>
  )
}
