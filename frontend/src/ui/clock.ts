import { useSyncExternalStore } from 'react'

/** One timer per interval for the whole page, however many times and durations are shown. */
class Clock {
  private now = Date.now()
  private timer: ReturnType<typeof setInterval> | null = null
  private readonly listeners = new Set<() => void>()
  private readonly interval: number

  constructor(interval: number) {
    this.interval = interval
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    this.timer ??= setInterval(this.tick, this.interval)
    return () => {
      this.listeners.delete(listener)
      if (this.listeners.size > 0 || this.timer === null) return
      clearInterval(this.timer)
      this.timer = null
    }
  }

  /** Stable between ticks, as React asks of a snapshot. */
  read = (): number => {
    if (this.timer === null && Date.now() - this.now >= this.interval) this.now = Date.now()
    return this.now
  }

  private readonly tick = (): void => {
    if (document.hidden) return
    this.now = Date.now()
    for (const listener of this.listeners) listener()
  }
}

const clocks = { second: new Clock(1_000), slow: new Clock(15_000), still: null } as const

const nothing = () => () => undefined

/** The present time; a component that uses it is drawn again at each tick. */
export function useNow(pace: keyof typeof clocks): number {
  const clock = clocks[pace]
  return useSyncExternalStore(clock?.subscribe ?? nothing, clock?.read ?? (() => 0))
}
