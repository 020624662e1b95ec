import { type MouseEvent, type Ref, useCallback, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { gutter, LogRow, LogSketch } from './LogRow'
import { LogLayout, ROW, scrollScale } from './layout'
import type { LogRows } from './rows'
import type { LineRange } from './selection'
import type { LogStore } from './store'
import { useSize } from './useColumns'

/** Rows drawn above and below the visible ones. */
const OVERSCAN = 12

export interface ViewportHandle {
  showRow: (row: number) => void
}

interface LogViewportProps {
  store: LogStore
  rows: LogRows
  /** Changes whenever the store or the rows did. */
  version: number
  wrap: boolean
  range: LineRange | null
  onPick: (seq: number, shift: boolean) => void
  query: string
  currentRow: number
  follow: boolean
  onFollow: (follow: boolean) => void
  handle: Ref<ViewportHandle>
}

/** Two leaps within so many milliseconds are a flight, which ends when none followed for so long. */
const FLIGHT = 120

/** Whether the rows fly past, faster than anyone can read: each scroll leaps over more than a quarter of what is visible. */
function useFlight(): [boolean, (leap: boolean) => void] {
  const [flying, setFlying] = useState(false)
  const landing = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(landing.current), [])
  const note = (leap: boolean) => {
    if (!leap) return
    if (landing.current !== undefined) setFlying(true)
    clearTimeout(landing.current)
    landing.current = setTimeout(() => {
      landing.current = undefined
      setFlying(false)
    }, FLIGHT)
  }
  return [flying, note]
}

/** The scrolled part of a log: draws the rows that can be seen. */
export function LogViewport(props: LogViewportProps) {
  const { store, rows, version, wrap, range, onPick, query, currentRow, follow, onFollow, handle } = props
  const scroller = useRef<HTMLDivElement>(null)
  const lastTop = useRef(0)
  const [top, setTop] = useState(0)
  const [flying, noteScroll] = useFlight()
  const [expanded, setExpanded] = useState<ReadonlySet<number>>(new Set())
  const size = useSize(scroller)
  const digits = Math.max(3, String(store.last).length)
  const columns = wrap ? size.columns - gutter(digits) : null

  // A change of one line's height moves everything below it, so the layout is made anew.
  const layout = useMemo(() => {
    const made = new LogLayout(store, rows, columns)
    made.update(expanded)
    return made
  }, [store, rows, columns, expanded])
  useMemo(() => layout.update(expanded), [layout, expanded, version])

  const height = layout.height
  const scale = scrollScale(height, size.height)
  const y = scale.toContent(top)
  const first = Math.max(0, layout.rowAt(y) - OVERSCAN)
  const last = Math.min(rows.length - 1, layout.rowAt(y + size.height) + OVERSCAN)
  // Beyond the tallest element rows are placed from what is visible: browsers lose pixels in very large numbers. So are
  // those that fly past: their elements stay where they are, and only their texts change.
  const fromFirst = flying || scale.shown !== height
  const base = fromFirst ? layout.top(first) : 0
  const offset = fromFirst ? top + layout.top(first) - y : 0

  const expand = useCallback((seq: number) => {
    setExpanded((old) => {
      const next = new Set(old)
      if (!next.delete(seq)) next.add(seq)
      return next
    })
  }, [])

  useImperativeHandle(handle, () => ({
    showRow(row) {
      const element = scroller.current
      if (!element) return
      const wanted = layout.top(row) + layout.heightOf(row) / 2 - size.height / 2
      element.scrollTop = Math.max(0, scale.toScroll(wanted))
      setTop(element.scrollTop)
    },
  }))

  useLayoutEffect(() => {
    const element = scroller.current
    if (!follow || !element) return
    element.scrollTop = element.scrollHeight
    lastTop.current = element.scrollTop
    setTop(element.scrollTop)
  }, [follow, version, height, size.height])

  useEffect(() => {
    // Another filter or wrapping: the browser may have moved the scroll bar to keep it in range.
    if (scroller.current) setTop(scroller.current.scrollTop)
  }, [layout])

  const scrolled = () => {
    const element = scroller.current
    if (!element) return
    const up = element.scrollTop < lastTop.current - 1
    const atEnd = element.scrollHeight - element.clientHeight - element.scrollTop < ROW * 1.5
    noteScroll(scale.toContent(Math.abs(element.scrollTop - lastTop.current)) > size.height / 4)
    lastTop.current = element.scrollTop
    setTop(element.scrollTop)
    if (atEnd && !follow) onFollow(true)
    else if (up && !atEnd && follow) onFollow(false)
  }

  const clicked = (event: MouseEvent) => {
    const target = event.target instanceof HTMLElement ? event.target.dataset.line : undefined
    if (target === undefined || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    onPick(Number(target), event.shiftKey)
  }

  const drawn = []
  for (let row = first; row <= last; row += 1) {
    const index = rows.index(row)
    const seq = rows.seq(row)
    const line = { seq, stream: store.stream(index), top: layout.top(row) - base, wrap, digits }
    if (flying) {
      drawn.push(<LogSketch key={row - first} {...line} plain={store.plain(index)} />)
      continue
    }
    drawn.push(
      <LogRow
        key={seq}
        {...line}
        text={store.text(index)}
        width={store.width(index)}
        at={store.at(index)}
        height={layout.heightOf(row)}
        expanded={expanded.has(seq)}
        selected={range !== null && seq >= range.first && seq <= range.last}
        query={query}
        current={row === currentRow}
        onExpand={expand}
      />,
    )
  }

  return (
    <div
      ref={scroller}
      role="region"
      aria-label="Log lines"
      tabIndex={0}
      onScroll={scrolled}
      onClick={clicked}
      className="relative min-h-0 flex-1 overflow-auto overscroll-contain font-mono text-xs -outline-offset-2 [overflow-anchor:none]"
    >
      <div style={{ height: scale.shown }} className="relative min-w-full">
        <div style={{ transform: `translateY(${offset}px)` }} className="absolute inset-x-0 top-0">
          {drawn}
        </div>
      </div>
    </div>
  )
}
