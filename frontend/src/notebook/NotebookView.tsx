import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Cell, Notebook } from '../api/nbformat'
import type { Violation } from '../log/store'
import { cx } from '../ui/cx'
import { AbridgedCell } from './AbridgedCell'
import { CellView } from './CellView'
import { abridgedOf, cellsOf, focusOf, joined, numbersOf } from './cells'
import { useKeptInView } from './useKeptInView'
import { ViolationList } from './ViolationList'

/** About as high as the cell will be, so that the scroll bar hardly moves when it is drawn. */
function guess(cell: Cell): number {
  const lines = joined(cell.source).split('\n', 45).length
  const outputs = Array.isArray(cell.outputs) ? Math.min(4, cell.outputs.length) : 0
  return 44 + lines * 20 + outputs * 80
}

/** Cells that are drawn at once; the others when they come near. */
const FIRST = 12

/** So many milliseconds a cell must be near before it is drawn: those that fly past are not worth it. */
const STAYS = 80

/** Neighbours are drawn so many milliseconds apart, so that no frame has to draw several. */
const APART = 20

/** Draws its content while it is near the visible part of the notebook: all of a large one would be too much for a browser. */
function WhenNear({ index, height, always, children }: { index: number; height: number; always: boolean; children: () => ReactNode }) {
  const [near, setNear] = useState(index < FIRST || typeof IntersectionObserver === 'undefined')
  const [kept, setKept] = useState(height)
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = place.current
    if (!element || typeof IntersectionObserver === 'undefined') return
    let arriving: ReturnType<typeof setTimeout> | undefined
    const changed = (entries: IntersectionObserverEntry[]) => {
      const last = entries.at(-1)
      if (!last) return
      clearTimeout(arriving)
      if (last.isIntersecting) {
        arriving = setTimeout(() => setNear(true), STAYS + (index % 8) * APART)
        return
      }
      // Of what leaves, only the height stays, so that nothing moves.
      setKept(last.boundingClientRect.height)
      setNear(false)
    }
    // A margin counts around the root only, so that has to be what scrolls.
    const observer = new IntersectionObserver(changed, { root: element.closest('[role="region"]'), rootMargin: '800px' })
    observer.observe(element)
    return () => {
      clearTimeout(arriving)
      observer.disconnect()
    }
  }, [index])
  const drawn = near || always
  return (
    <div ref={place} style={drawn ? undefined : { height: kept }}>
      {drawn && children()}
    </div>
  )
}

const none: readonly Violation[] = []

interface NotebookViewProps {
  /** The pipeline's id. */
  id: string
  notebook: Notebook
  /** Whether the pipeline still runs. */
  live: boolean
  violations?: readonly Violation[]
  className?: string
}

/** A notebook with its outputs, as far as it has run. */
export function NotebookView({ id, notebook, live, violations = none, className }: NotebookViewProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const cells = useMemo(() => cellsOf(notebook), [notebook])
  const numbers = useMemo(() => numbersOf(cells), [cells])
  const focus = focusOf(cells)
  const [wholes, setWholes] = useState<ReadonlySet<string>>(new Set())
  const showWhole = useCallback((cellId: string) => setWholes((old) => new Set(old).add(cellId)), [])
  const byCell = useMemo(() => {
    const map = new Map<number | null, Violation[]>()
    for (const violation of violations) {
      const known = violation.cell !== null && numbers.includes(violation.cell) ? violation.cell : null
      map.set(known, [...(map.get(known) ?? []), violation])
    }
    return map
  }, [violations, numbers])
  const firstBad = numbers.findIndex((number) => byCell.has(number))
  const target = focus === -1 ? firstBad : focus

  useKeptInView(scroller, target)

  return (
    <div ref={scroller} role="region" aria-label="Notebook cells" tabIndex={0} className={cx('relative min-h-0 overflow-y-auto overscroll-contain -outline-offset-2', className)}>
      {byCell.has(null) && (
        <div className="p-3">
          <ViolationList violations={byCell.get(null) ?? none} withCell />
        </div>
      )}
      {cells.map((cell, index) => (
        <div key={index} data-cell={index} className="border-b border-line last:border-0">
          <WhenNear index={index} height={guess(cell)} always={index === target}>
            {() => {
              const number = numbers[index] ?? index
              const shared = { cell, number, live, violations: byCell.get(number) ?? none }
              const size = abridgedOf(cell)
              if (size === null || cell.id === undefined) return <CellView {...shared} />
              return <AbridgedCell {...shared} id={id} cellId={cell.id} size={size} whole={wholes.has(cell.id)} onWhole={showWhole} />
            }}
          </WhenNear>
        </div>
      ))}
    </div>
  )
}
