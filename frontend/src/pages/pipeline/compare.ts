export interface Comparison {
  name: string
  value: number | null
  champion: number | null
  /** The value less the champion's. */
  difference: number | null
}

/** The metrics of a run beside those of the version that served, by name. */
export function compare(metrics: Record<string, number | null>, champion: Record<string, number | null> | null): Comparison[] {
  return Object.keys(metrics)
    .sort()
    .map((name) => {
      const value = metrics[name] ?? null
      const other = champion?.[name] ?? null
      return { name, value, champion: other, difference: value === null || other === null ? null : value - other }
    })
}
