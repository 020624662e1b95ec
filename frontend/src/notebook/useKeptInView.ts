import { type RefObject, useEffect } from 'react'

/** Outputs above may still load, and push the cell away, for this long. */
const SETTLING_MS = 3_000

const touches = ['wheel', 'pointerdown', 'keydown', 'touchmove'] as const

/**
 * Brings a cell into view when another one becomes the one to look at, and keeps it there while the page settles. Whoever scrolls is
 * left alone from then on.
 */
export function useKeptInView(scroller: RefObject<HTMLElement | null>, target: number): void {
  useEffect(() => {
    const box = scroller.current
    const cell = box?.querySelector<HTMLElement>(`[data-cell="${target}"]`)
    if (!box || !cell) return
    const show = () => {
      const top = cell.offsetTop
      const fits = top >= box.scrollTop && top + cell.offsetHeight <= box.scrollTop + box.clientHeight
      if (!fits) box.scrollTop = Math.max(0, top - 48)
    }
    show()
    if (typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(show)
    for (const child of box.children) observer.observe(child)
    const stop = () => observer.disconnect()
    const timer = setTimeout(stop, SETTLING_MS)
    for (const touch of touches) box.addEventListener(touch, stop, { passive: true, once: true })
    return () => {
      stop()
      clearTimeout(timer)
      for (const touch of touches) box.removeEventListener(touch, stop)
    }
  }, [scroller, target])
}
