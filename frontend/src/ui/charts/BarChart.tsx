import { formatNumber } from '../numbers'
import { ChartFigure } from './Figure'
import { linear, ticks } from './scale'
import { useWidth } from './useWidth'

export interface BarSeries {
  name: string
  /** A CSS colour: `var(--success)`. */
  color: string
  values: readonly number[]
}

interface BarChartProps {
  label: string
  /** One per bar, as many as each series has values. */
  categories: readonly string[]
  series: readonly BarSeries[]
  height?: number
  format?: (value: number) => string
}

/** Stacked bars. */
export function BarChart({ label, categories, series, height = 160, format = formatNumber }: BarChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const totals = categories.map((_, index) => series.reduce((sum, one) => sum + (one.values[index] ?? 0), 0))
  const marks = ticks(0, Math.max(1, ...totals), 3)
  const left = 36
  const bottom = height - 20
  const y = linear(0, marks.at(-1) ?? 1, bottom, 6)
  const step = (width - left) / Math.max(1, categories.length)
  const bar = Math.min(40, step * 0.7)
  const every = Math.max(1, Math.ceil(44 / step))
  return (
    <ChartFigure
      label={label}
      columns={['', ...series.map((one) => one.name)]}
      rows={categories.map((category, index) => [category, ...series.map((one) => format(one.values[index] ?? 0))])}
      legend={series.length > 1 ? series : []}
    >
      <div ref={ref}>
        <svg aria-hidden="true" width={width} height={height} className="block text-xs">
          {marks.map((mark) => (
            <g key={mark}>
              <line x1={left} x2={width} y1={y(mark)} y2={y(mark)} stroke="var(--line)" />
              <text x={left - 6} y={y(mark) + 4} textAnchor="end" fill="var(--faint)">
                {format(mark)}
              </text>
            </g>
          ))}
          {categories.map((category, index) => {
            let below = 0
            const x = left + index * step + (step - bar) / 2
            return (
              <g key={category}>
                <title>{`${category}: ${series.map((one) => `${one.name} ${format(one.values[index] ?? 0)}`).join(', ')}`}</title>
                <rect x={left + index * step} y={0} width={step} height={bottom} fill="transparent" />
                {series.map((one) => {
                  const value = one.values[index] ?? 0
                  const top = y(below + value)
                  const tall = y(below) - top
                  below += value
                  return value > 0 && <rect key={one.name} x={x} y={top} width={bar} height={Math.max(1, tall - 0.5)} fill={one.color} rx="1" />
                })}
                {index % every === 0 && (
                  <text x={x + bar / 2} y={height - 5} textAnchor="middle" fill="var(--faint)">
                    {category}
                  </text>
                )}
              </g>
            )
          })}
        </svg>
      </div>
    </ChartFigure>
  )
}
