import { setTimeout as pause } from 'node:timers/promises'

/** Asks again and again until the answer is neither empty nor false, and gives it. A question that fails has no answer yet. */
export async function until<T>(what: string, ask: () => T | Promise<T>, seconds = 60): Promise<NonNullable<T>> {
  const deadline = Date.now() + seconds * 1_000
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}; at last: ${String(last)}`)
    await pause(50)
  }
}
