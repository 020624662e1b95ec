import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { keys } from '../api/keys'
import { fetchLogPage } from '../api/logs'
import { transport } from '../api/transport'
import { LogSocket, type LogState } from './socket'
import { LogStore } from './store'

/** The log of a pipeline, complete and live while it is active. */
export function useLog(id: string, active: boolean): { store: LogStore; state: LogState } {
  const client = useQueryClient()
  const store = useMemo(() => ({ id, lines: new LogStore() }), [id]).lines
  const [state, setState] = useState<LogState>({ kind: 'loading' })
  const socket = useRef<LogSocket>(null)
  const activeNow = useRef(active)

  useEffect(() => {
    const made = new LogSocket({
      id,
      after: store.last,
      openSocket: (path, handlers) => transport().socket(path, handlers),
      fetchPage: (after, signal) => fetchLogPage(id, after, signal),
      onLines: (lines) => store.append(lines),
      onState: setState,
      onEnd: () => void client.invalidateQueries({ queryKey: keys.pipelines() }),
    })
    socket.current = made
    made.start(activeNow.current)
    return () => made.stop()
  }, [id, store, client])

  useEffect(() => {
    activeNow.current = active
    socket.current?.setActive(active)
  }, [active])

  return { store, state }
}

/** Draws again when lines have come. */
export function useLogVersion(store: LogStore): number {
  return useSyncExternalStore(store.subscribe, store.snapshot)
}
