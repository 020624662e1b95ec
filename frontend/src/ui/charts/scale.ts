/** Round steps (1, 2, 5 times a power of ten) from `low` to `high`, about `count` of them. */
export function ticks(low: number, high: number, count = 4): number[] {
  if (!(high > low)) return [low]
  const rough = (high - low) / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? power * 10
  // 0.7 / 0.1 is a little less than seven to a computer.
  const slack = 1e-9
  const first = Math.floor(low / step + slack)
  const last = Math.ceil(high / step - slack)
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)))
}

/** Maps `low…high` onto `from…to`; a single value lies in the middle. */
export function linear(low: number, high: number, from: number, to: number): (value: number) => number {
  return (value) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from))
}
