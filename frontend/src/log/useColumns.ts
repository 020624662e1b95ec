import { type RefObject, useLayoutEffect, useState } from 'react'

interface Size {
  /** Of the visible part, in pixels. */
  height: number
  /** How many characters fit beside each other. */
  columns: number
}

const SAMPLE = 100

/** Width of a character of the element's monospaced font. */
function characterWidth(element: HTMLElement): number {
  const probe = document.createElement('span')
  probe.textContent = 'M'.repeat(SAMPLE)
  probe.style.position = 'absolute'
  probe.style.visibility = 'hidden'
  element.append(probe)
  const width = probe.getBoundingClientRect().width / SAMPLE
  probe.remove()
  return width || 8
}

/** The size of a scrolled element in pixels and characters. */
export function useSize(ref: RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ height: 480, columns: 100 })
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    const character = characterWidth(element)
    const measure = () => {
      const height = element.clientHeight || 480
      const columns = Math.floor((element.clientWidth || 800) / character)
      setSize((old) => (old.height === height && old.columns === columns ? old : { height, columns }))
    }
    measure()
    if (typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [ref])
  return size
}
