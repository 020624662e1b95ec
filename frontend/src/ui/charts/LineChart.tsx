import { formatNumber } from '../numbers'
import { ChartFigure } from './Figure'
import { linear, ticks } from './scale'
import { useWidth } from './useWidth'

export interface LineSeries {
  name: string
  color: string
  /** Draws the line dashed, so that two lines differ by more than colour. */
  dashed?: boolean
  points: readonly { x: number; y: number | null }[]
}

interface LineChartProps {
  label: string
  series: readonly LineSeries[]
  height?: number
  /** Whether the vertical axis begins at zero. */
  zero?: boolean
  /** Places on the horizontal axis with a word, drawn as upright lines. */
  marks?: readonly { x: number; label: string }[]
  formatX?: (value: number) => string
  formatY?: (value: number) => string
}

function pathOf(points: LineSeries['points'], x: (value: number) => number, y: (value: number) => number): string {
  let path = ''
  let gap = true
  for (const point of points) {
    if (point.y !== null) path += `${gap ? 'M' : 'L'}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`
    gap = point.y === null
  }
  return path
}

/** Lines over a number: a version, or a time in milliseconds with a fitting `formatX`. */
export function LineChart({ label, series, height = 180, zero = false, marks: places = [], formatX = formatNumber, formatY = formatNumber }: LineChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const all = series.flatMap((one) => one.points)
  const xs = [...new Set(all.map((point) => point.x))].sort((one, other) => one - other)
  const ys = all.flatMap((point) => (point.y === null ? [] : [point.y]))
  const low = zero ? 0 : Math.min(...ys)
  const high = Math.max(...ys)
  // Nothing but zeros lies on the axis, and not halfway up.
  const marks = ys.length > 0 ? ticks(low, zero && high === 0 ? 1 : high, 3) : []
  // As wide as the longest number needs; a digit takes about 7 pixels.
  const left = Math.max(48, 12 + 7 * Math.max(0, ...marks.map((mark) => formatY(mark).length)))
  const x = linear(xs[0] ?? 0, xs.at(-1) ?? 1, left + 8, width - 12)
  const y = linear(marks[0] ?? 0, marks.at(-1) ?? 1, height - 24, places.length > 0 ? 18 : 8)
  const named = (value: number) => [formatX(value), ...places.filter((place) => place.x === value).map((place) => place.label)].join(', ')
  const every = Math.max(1, Math.ceil((xs.length * 64) / Math.max(1, width - left)))
  return (
    <ChartFigure
      label={label}
      columns={['', ...series.map((one) => one.name)]}
      rows={xs.map((value) => [named(value), ...series.map((one) => formatY(one.points.find((point) => point.x === value)?.y ?? NaN))])}
      legend={series.length > 1 ? series : []}
    >
      <div ref={ref}>
        <svg aria-hidden="true" width={width} height={height} className="block text-xs">
          {marks.map((mark) => (
            <g key={mark}>
              <line x1={left} x2={width} y1={y(mark)} y2={y(mark)} stroke="var(--line)" />
              <text x={left - 6} y={y(mark) + 4} textAnchor="end" fill="var(--faint)">
                {formatY(mark)}
              </text>
            </g>
          ))}
          {xs.map(
            (value, index) =>
              index % every === 0 && (
                <text key={value} x={Math.min(x(value), width - 3.5 * formatX(value).length)} y={height - 6} textAnchor="middle" fill="var(--faint)">
                  {formatX(value)}
                </text>
              ),
          )}
          {places.map((place) => (
            <g key={`${place.x} ${place.label}`}>
              <line x1={x(place.x)} x2={x(place.x)} y1={14} y2={height - 24} stroke="var(--line-strong)" strokeDasharray="2 3" />
              <text x={Math.min(x(place.x), width - 3.5 * place.label.length)} y={10} textAnchor="middle" fill="var(--muted)">
                {place.label}
              </text>
            </g>
          ))}
          {series.map((one) => (
            <g key={one.name} stroke={one.color} fill={one.color}>
              <path d={pathOf(one.points, x, y)} fill="none" strokeWidth="1.75" strokeLinejoin="round" strokeDasharray={one.dashed ? '5 3' : undefined} />
              {one.points.length <= 60 &&
                one.points.map(
                  (point) =>
                    point.y !== null && (
                      <circle key={point.x} cx={x(point.x)} cy={y(point.y)} r="2.5" stroke="none">
                        <title>{`${one.name}, ${formatX(point.x)}: ${formatY(point.y)}`}</title>
                      </circle>
                    ),
                )}
            </g>
          ))}
        </svg>
      </div>
    </ChartFigure>
  )
}
