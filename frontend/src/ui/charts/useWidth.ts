import { useEffect, useRef, useState } from 'react'

/** The width of an element in pixels, so that a chart's text keeps its size. */
export function useWidth<Target extends HTMLElement>(initial = 480) {
  const ref = useRef<Target>(null)
  const [width, setWidth] = useState(initial)
  useEffect(() => {
    const element = ref.current
    if (!element || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(([entry]) => entry && entry.contentRect.width > 0 && setWidth(entry.contentRect.width))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return [ref, width] as const
}
