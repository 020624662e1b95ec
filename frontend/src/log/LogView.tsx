import { useEffect, useMemo, useRef, useState } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { logTextUrl } from '../api/logs'
import { useShortcuts } from '../ui/keyboard/hooks'
import { formatCount, plural } from '../ui/numbers'
import { LogStatus } from './LogStatus'
import { LogToolbar } from './LogToolbar'
import { LogViewport, type ViewportHandle } from './LogViewport'
import { type LogFilter, LogRows } from './rows'
import { extendRange, parseRange, rangeHash } from './selection'
import type { LogState } from './socket'
import type { LogStore } from './store'
import { useLogVersion } from './useLog'
import { useLogSearch } from './useLogSearch'

interface LogViewProps {
  id: string
  store: LogStore
  state: LogState
  /** Begins at the end, and stays there. */
  followFirst: boolean
  className?: string
}

/** The log of a pipeline: live, searchable, with an address for every line. */
export function LogView({ id, store, state, followFirst, className = '' }: LogViewProps) {
  const { hash } = useLocation()
  const navigate = useNavigate()
  const viewport = useRef<ViewportHandle>(null)
  const version = useLogVersion(store)
  const range = useMemo(() => parseRange(hash), [hash])
  const [follow, setFollow] = useState(followFirst && range === null)
  const [wrap, setWrap] = useState(false)
  const [filter, setFilter] = useState<LogFilter>({ stream: null, phase: null })
  const { dropped } = store
  // Without the oldest lines every row has another number: the rows are counted anew.
  const rows = useMemo(() => new LogRows(store, filter), [store, filter, dropped])
  useMemo(() => rows.update(), [rows, version])
  const search = useLogSearch(store, rows, version)
  const firstSeen = useRef(0)

  const show = (row: number) => {
    if (row < 0) return
    setFollow(false)
    firstSeen.current = row
    viewport.current?.showRow(row)
  }
  const go = (step: 1 | -1) => show(search.go(step, firstSeen.current))

  // A line named in the address is shown as soon as it has been loaded, once.
  const shown = useRef('')
  const loaded = range !== null && store.last >= range.first
  useEffect(() => {
    if (!range || !loaded || shown.current === hash) return
    const row = rows.rowOf(range.first)
    // A filter may hide the very line that was asked for.
    if ((filter.stream ?? filter.phase) && rows.seq(row) !== range.first) return setFilter({ stream: null, phase: null })
    shown.current = hash
    show(Math.min(row, Math.max(0, rows.length - 1)))
  })

  const pick = (seq: number, shift: boolean) => {
    const next = rangeHash(extendRange(range, seq, shift))
    shown.current = next
    setFollow(false)
    void navigate({ search: location.search, hash: next }, { replace: true, preventScrollReset: true })
  }

  const copy = () => {
    const from = range ? rows.rowOf(range.first) : 0
    const to = range ? rows.rowOf(range.last + 1) : rows.length
    const lines: string[] = []
    for (let row = from; row < to; row += 1) lines.push(store.plain(rows.index(row)))
    return lines.join('\n')
  }

  useShortcuts([
    { keys: 'n', does: 'Next match in the log', run: () => go(1) },
    { keys: 'N', does: 'Previous match in the log', run: () => go(-1) },
    { keys: 'f', does: 'Follow the log', run: () => setFollow((old) => !old) },
    { keys: 'w', does: 'Wrap long lines of the log', run: () => setWrap((old) => !old) },
  ])

  return (
    <section aria-label="Log" className={`flex min-h-0 flex-col rounded-lg border border-line bg-surface ${className}`}>
      <LogToolbar
        search={search}
        onGo={go}
        filter={filter}
        onFilter={setFilter}
        wrap={wrap}
        onWrap={setWrap}
        follow={follow}
        onFollow={setFollow}
        copy={copy}
        copyLabel={range ? 'Copy the selected lines' : 'Copy the whole log'}
        downloadUrl={logTextUrl(id)}
        status={<LogStatus state={state} />}
      />
      {dropped > 0 && <p className="border-b border-line px-3 py-1 text-xs text-muted">The first {plural(dropped, 'line')} are left out here. The download has them all.</p>}
      {rows.length === 0 ? (
        <p className="p-3 text-muted">{emptyText(state, store.length)}</p>
      ) : (
        <LogViewport
          handle={viewport}
          store={store}
          rows={rows}
          version={version}
          wrap={wrap}
          range={range}
          onPick={pick}
          query={search.applied}
          currentRow={search.row}
          follow={follow}
          onFollow={setFollow}
        />
      )}
      <p className="border-t border-line px-3 py-0.5 text-xs text-faint tabular-nums">
        {rows.length === store.length ? plural(store.length, 'line') : `${formatCount(rows.length)} of ${plural(store.length, 'line')}`}
      </p>
    </section>
  )
}

function emptyText(state: LogState, stored: number): string {
  if (stored > 0) return 'No line matches the filter.'
  if (state.kind === 'loading') return 'Loading the log.'
  return state.kind === 'ended' ? 'Nothing was logged.' : 'Nothing has been logged yet.'
}
