export const SHORTEST_MS = 500
export const LONGEST_MS = 15_000

/** How long to wait after so many failures: twice as long each time, and a quarter more or less by chance. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const base = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(failures, 10))
  return Math.round(Math.min(LONGEST_MS, Math.max(SHORTEST_MS, base * (0.75 + random() * 0.5))))
}
