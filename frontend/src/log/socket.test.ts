import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SocketHandlers } from '../api/transport'
import type { LogLine, Page } from '../api/types'
import { backoff, LONGEST_MS, SHORTEST_MS } from './backoff'
import { LogSocket, type LogState } from './socket'

function line(seq: number): LogLine {
  return { seq, at: '2026-11-21T10:00:00Z', phase: 'execute', cell: null, stream: 'stdout', text: `line ${seq}` }
}

interface FakeSocket {
  path: string
  handlers: SocketHandlers
  closed: boolean
  send: (...seqs: number[]) => void
}

class Bench {
  sockets: FakeSocket[] = []
  states: LogState[] = []
  seqs: number[] = []
  ends: string[] = []
  stored = 0
  fetches: number[] = []
  broken = false
  readonly log = new LogSocket({
    id: 'p-1',
    openSocket: (path, handlers) => {
      const send = (...seqs: number[]) => seqs.map((seq) => JSON.stringify(line(seq))).forEach(handlers.message)
      const socket: FakeSocket = { path, handlers, closed: false, send }
      this.sockets.push(socket)
      return { close: () => (socket.closed = true) }
    },
    fetchPage: (after): Promise<Page<LogLine>> => {
      this.fetches.push(after)
      if (this.broken) return Promise.reject(new Error('down'))
      const items = Array.from({ length: Math.min(3, Math.max(0, this.stored - after)) }, (_, index) => line(after + index + 1))
      const last = after + items.length
      return Promise.resolve({ items, next: last < this.stored ? String(last) : null })
    },
    onLines: (lines) => this.seqs.push(...lines.map((one) => one.seq)),
    onState: (state) => this.states.push(state),
    onEnd: (status) => this.ends.push(status),
    random: () => 0.5,
  })

  get state(): LogState['kind'] | undefined {
    return this.states.at(-1)?.kind
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1)
    if (!socket) throw new Error('no socket was opened')
    return socket
  }

  refuse(): void {
    this.socket.handlers.close(1006)
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0)

let bench: Bench
beforeEach(() => {
  vi.useFakeTimers()
  bench = new Bench()
})
afterEach(() => {
  bench.log.stop()
  vi.useRealTimers()
})

async function live(): Promise<void> {
  bench.log.start(true)
  await settle()
  bench.socket.handlers.open()
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

describe('an active pipeline', () => {
  it('loads what is stored page by page, then follows from there', async () => {
    bench.stored = 8
    await live()
    expect(bench.fetches).toEqual([0, 3, 6])
    expect(bench.socket.path).toBe('/ws/pipelines/p-1/logs?after=8')
    expect(bench.state).toBe('live')
    bench.socket.send(9, 10)
    expect(bench.seqs).toEqual(upTo(10))
  })

  it('drops lines that come twice, and what is no line', async () => {
    await live()
    bench.socket.send(1, 1, 2, 1)
    bench.socket.handlers.message('not JSON')
    expect(bench.seqs).toEqual([1, 2])
  })

  it('fills a gap from the stored log, in order', async () => {
    await live()
    bench.socket.send(1)
    bench.stored = 5
    bench.socket.send(4)
    bench.socket.send(6, 5)
    await settle()
    expect(bench.seqs).toEqual([1, 2, 3, 4, 5, 6])
    expect(bench.state).toBe('live')
  })

  it('connects again when a gap cannot be filled', async () => {
    await live()
    bench.socket.send(1, 3)
    await settle()
    expect(bench.state).toBe('reconnecting')
    expect(bench.sockets[0]?.closed).toBe(true)
    await vi.advanceTimersByTimeAsync(SHORTEST_MS)
    expect(bench.socket.path).toBe('/ws/pipelines/p-1/logs?after=1')
  })

  it('resumes from the last line after a restart of the backend', async () => {
    await live()
    bench.socket.send(1, 2, 3)
    bench.socket.handlers.close(1012)
    expect(bench.states.at(-1)).toEqual({ kind: 'reconnecting', at: Date.now() + SHORTEST_MS })
    await vi.advanceTimersByTimeAsync(SHORTEST_MS)
    expect(bench.sockets).toHaveLength(2)
    expect(bench.socket.path).toBe('/ws/pipelines/p-1/logs?after=3')
  })

  it('waits longer after each failure', async () => {
    await live()
    const waits: number[] = []
    for (let failure = 0; failure < 3; failure += 1) {
      const before = Date.now()
      bench.socket.handlers.open()
      bench.socket.handlers.close(1006)
      const state = bench.states.at(-1)
      if (state?.kind === 'reconnecting') waits.push(state.at - before)
      await vi.advanceTimersByTimeAsync(LONGEST_MS)
    }
    expect(waits).toEqual([500, 1_000, 2_000])
  })

  it('polls after three refusals, and goes on trying the socket', async () => {
    await live()
    bench.socket.handlers.close(1006)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await vi.advanceTimersByTimeAsync(LONGEST_MS)
      bench.refuse()
    }
    await settle()
    expect(bench.state).toBe('polling')
    bench.stored = 4
    await vi.advanceTimersByTimeAsync(2_000)
    expect(bench.seqs).toEqual(upTo(4))
    const before = bench.sockets.length
    await vi.advanceTimersByTimeAsync(32_000)
    expect(bench.sockets.length).toBe(before + 1)
    expect(bench.state).toBe('polling')
    bench.socket.handlers.open()
    expect(bench.state).toBe('live')
    bench.socket.send(5)
    expect(bench.seqs).toEqual(upTo(5))
  })

  it('goes on connecting, rather than poll, while nothing at all is answered', async () => {
    await live()
    bench.broken = true
    bench.socket.handlers.close(1006)
    for (let attempt = 0; attempt < 8; attempt += 1) {
      await vi.advanceTimersByTimeAsync(LONGEST_MS)
      bench.refuse()
      await settle()
      expect(bench.state).toBe('reconnecting')
    }
    bench.broken = false
    await vi.advanceTimersByTimeAsync(LONGEST_MS)
    bench.socket.handlers.open()
    expect(bench.state).toBe('live')
    expect(bench.states.map((state) => state.kind)).not.toContain('polling')
  })

  it('connects at once when the network is back', async () => {
    await live()
    bench.socket.handlers.close(1006)
    dispatchEvent(new Event('online'))
    expect(bench.sockets).toHaveLength(2)
  })

  it('gives a socket up when the browser has no network, and a hanging attempt when it has one again', async () => {
    await live()
    bench.socket.send(1)
    dispatchEvent(new Event('offline'))
    expect(bench.socket.closed).toBe(true)
    expect(bench.state).toBe('reconnecting')
    await vi.advanceTimersByTimeAsync(LONGEST_MS)
    expect(bench.sockets).toHaveLength(2)
    expect(bench.state).toBe('connecting')
    dispatchEvent(new Event('online'))
    expect(bench.sockets).toHaveLength(3)
    expect(bench.socket.path).toContain('after=1')
  })

  it('leaves a silent socket when the stored log has more', async () => {
    await live()
    bench.socket.send(1)
    bench.stored = 1
    await vi.advanceTimersByTimeAsync(60_000)
    expect(bench.state).toBe('live')
    expect(bench.sockets).toHaveLength(1)
    bench.stored = 3
    await vi.advanceTimersByTimeAsync(16_000)
    expect(bench.seqs).toEqual([1, 2, 3])
    expect(bench.sockets).toHaveLength(2)
    expect(bench.socket.path).toContain('after=3')
  })

  it('tries again when the stored log cannot be loaded', async () => {
    bench.broken = true
    bench.log.start(true)
    await settle()
    expect(bench.state).toBe('reconnecting')
    bench.broken = false
    bench.stored = 2
    await vi.advanceTimersByTimeAsync(1_000)
    expect(bench.seqs).toEqual([1, 2])
    expect(bench.sockets).toHaveLength(1)
  })
})

describe('the end', () => {
  it('comes as a message; the last lines are made sure of', async () => {
    await live()
    bench.socket.send(1)
    bench.stored = 2
    bench.socket.handlers.message('{"end":"succeeded"}')
    bench.socket.handlers.close(1000)
    await settle()
    expect(bench.ends).toEqual(['succeeded'])
    expect(bench.seqs).toEqual([1, 2])
    expect(bench.state).toBe('ended')
  })

  it('needs no socket for a pipeline that has ended', async () => {
    bench.stored = 4
    bench.log.start(false)
    await settle()
    expect(bench.seqs).toEqual(upTo(4))
    expect(bench.sockets).toHaveLength(0)
    expect(bench.state).toBe('ended')
  })

  it('is drawn from the pipeline when the socket does not say it', async () => {
    await live()
    bench.log.setActive(false)
    bench.stored = 1
    await vi.advanceTimersByTimeAsync(3_000)
    expect(bench.state).toBe('ended')
    expect(bench.seqs).toEqual([1])
    expect(bench.socket.closed).toBe(true)
  })

  it('is taken back when the pipeline is retried', async () => {
    bench.stored = 2
    bench.log.start(false)
    await settle()
    bench.log.setActive(true)
    expect(bench.socket.path).toContain('after=2')
  })

  it('of the view closes the socket and stops all timers', async () => {
    await live()
    bench.log.stop()
    expect(bench.socket.closed).toBe(true)
    bench.socket.handlers.close(1006)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(bench.sockets).toHaveLength(1)
  })
})

describe('backoff', () => {
  it('stays between half a second and fifteen seconds', () => {
    for (let failures = 0; failures < 30; failures += 1) {
      for (const chance of [0, 0.5, 0.999]) {
        const wait = backoff(failures, () => chance)
        expect(wait).toBeGreaterThanOrEqual(SHORTEST_MS)
        expect(wait).toBeLessThanOrEqual(LONGEST_MS)
      }
    }
  })
})
