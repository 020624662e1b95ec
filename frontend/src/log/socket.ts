import type { Socket, SocketHandlers } from '../api/transport'
import type { LogLine, Page, PipelineStatus } from '../api/types'
import { backoff } from './backoff'

export type LogState =
  | { kind: 'loading' }
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'reconnecting' /** When the next attempt comes. */; at: number }
  | { kind: 'polling' }
  | { kind: 'ended' }

export interface LogSocketOptions {
  id: string
  /** The last line that is known already. */
  after?: number
  openSocket: (path: string, handlers: SocketHandlers) => Socket
  /** Stored lines after a number. */
  fetchPage: (after: number, signal: AbortSignal) => Promise<Page<LogLine>>
  onLines: (lines: LogLine[]) => void
  onState: (state: LogState) => void
  /** The server said how the pipeline ended. */
  onEnd?: (status: PipelineStatus) => void
  random?: () => number
}

const REFUSALS = 3
const POLL_MS = 2_000
const SOCKET_AGAIN_MS = 30_000
/** A connection that lasted this long was a good one: failures are counted anew. */
const STEADY_MS = 5_000
/** How long the server has to say the end after the pipeline is known to have ended. */
const END_GRACE_MS = 3_000
/** After so long without a line it is asked whether one is missing: a connection can die without a word. */
const QUIET_MS = 15_000

type Message = LogLine | { end: PipelineStatus }

/**
 * Keeps a log complete: loads what is stored, then follows the live lines while the pipeline is active. Lines are delivered in
 * order, each once, without gaps, however often the connection breaks.
 */
export class LogSocket {
  private readonly options: LogSocketOptions
  private last = 0
  private active = false
  private stopped = true
  private caughtUp = false
  private socket: Socket | null = null
  private opened: number | null = null
  private failures = 0
  private refusals = 0
  private socketTriedAt = 0
  private waiting: LogLine[] = []
  private pulling: Promise<boolean> | null = null
  private timer: ReturnType<typeof setTimeout> | null = null
  private quiet: ReturnType<typeof setTimeout> | null = null
  private heardAt = 0
  private abort = new AbortController()
  private state: LogState['kind'] | null = null

  constructor(options: LogSocketOptions) {
    this.options = options
    this.last = options.after ?? 0
  }

  start(active: boolean): void {
    this.active = active
    this.stopped = false
    this.abort = new AbortController()
    addEventListener('offline', this.lose)
    addEventListener('online', this.recover)
    document.addEventListener('visibilitychange', this.wake)
    this.connect()
  }

  stop(): void {
    this.stopped = true
    removeEventListener('offline', this.lose)
    removeEventListener('online', this.recover)
    document.removeEventListener('visibilitychange', this.wake)
    this.clear()
    this.abort.abort()
  }

  /** Whether the pipeline is queued or running: only then is there a connection. */
  setActive(active: boolean): void {
    if (active === this.active) return
    this.active = active
    if (this.stopped) return
    if (active) {
      this.failures = 0
      this.refusals = 0
      this.connect()
    } else if (this.socket && this.opened !== null) {
      this.later(END_GRACE_MS, this.finish)
    } else {
      this.finish()
    }
  }

  /** The network is gone. The socket may not notice for a long time. */
  private readonly lose = (): void => {
    if (this.opened !== null) this.retry()
  }

  /** The network is back: whatever was tried meanwhile may hang. */
  private readonly recover = (): void => {
    if (this.state === 'ended' || this.state === 'loading') return
    this.failures = 0
    this.connect()
  }

  /** The user is back: what waits for its time need not wait longer. */
  private readonly wake = (): void => {
    if (document.hidden || (this.state !== 'reconnecting' && this.state !== 'polling')) return
    this.failures = 0
    this.connect()
  }

  private readonly connect = (): void => {
    this.clear()
    if (this.caughtUp && this.active) return this.open()
    this.set({ kind: 'loading' })
    void this.pull().then((complete) => {
      if (this.stopped) return
      if (!complete) return this.retry()
      this.caughtUp = true
      if (this.active) this.open()
      else this.set({ kind: 'ended' })
    })
  }

  private open(): void {
    if (this.state !== 'polling') this.set({ kind: 'connecting' })
    this.socketTriedAt = Date.now()
    this.opened = null
    const attempt: { socket: Socket | null; over: boolean } = { socket: null, over: false }
    const current = () => !attempt.over && this.socket === attempt.socket
    const handlers: SocketHandlers = {
      open: () => {
        if (!current()) return
        this.opened = Date.now()
        this.refusals = 0
        this.set({ kind: 'live' })
        this.heardAt = Date.now()
        this.doubtAfter(QUIET_MS)
      },
      message: (text) => current() && this.receive(text),
      close: () => {
        if (!current()) return
        attempt.over = true
        this.closed()
      },
    }
    attempt.socket = this.options.openSocket(`/ws/pipelines/${encodeURIComponent(this.options.id)}/logs?after=${this.last}`, handlers)
    // It may have been refused before there was anything to keep.
    if (!attempt.over) this.socket = attempt.socket
  }

  private doubtAfter(wait: number): void {
    this.quiet = setTimeout(this.doubt, wait)
  }

  /** Nothing was heard for a while: if the stored log has more, or cannot be asked, the connection is dead. */
  private readonly doubt = (): void => {
    const silence = Date.now() - this.heardAt
    if (silence < QUIET_MS) return this.doubtAfter(QUIET_MS - silence)
    const [socket, before] = [this.socket, this.last]
    void this.pull().then((complete) => {
      if (this.stopped || socket === null || this.socket !== socket) return
      if (!complete || this.last > before) return this.retry()
      this.heardAt = Date.now()
      this.doubtAfter(QUIET_MS)
    })
  }

  private receive(text: string): void {
    this.heardAt = Date.now()
    let message: Message
    try {
      message = JSON.parse(text) as Message
    } catch {
      return
    }
    if ('end' in message) {
      this.active = false
      this.options.onEnd?.(message.end)
      return this.finish()
    }
    if (message.seq <= this.last) return
    if (message.seq === this.last + 1 && this.waiting.length === 0) {
      this.failures = 0
      return this.deliver([message])
    }
    // A line is missing in between: it comes from the stored log, and what arrives meanwhile waits.
    this.waiting.push(message)
    if (this.waiting.length === 1) void this.fill()
  }

  private async fill(): Promise<void> {
    const complete = await this.pull()
    const waiting = this.waiting.sort((one, other) => one.seq - other.seq)
    this.waiting = []
    for (const line of waiting) if (line.seq === this.last + 1) this.deliver([line])
    const missing = waiting.some((line) => line.seq > this.last)
    if (!this.stopped && this.socket && (!complete || missing)) this.retry()
  }

  private closed(): void {
    const steady = this.opened !== null && Date.now() - this.opened >= STEADY_MS
    if (steady) this.failures = 0
    const refused = this.opened === null
    this.socket = null
    this.clear()
    if (!this.active) return this.finish()
    if (refused) this.refusals += 1
    if (this.refusals >= REFUSALS) return this.poll()
    this.retry()
  }

  /** Waits, then connects again. */
  private retry(): void {
    const wait = backoff(this.failures, this.options.random)
    this.failures += 1
    this.clear()
    this.set({ kind: 'reconnecting', at: Date.now() + wait })
    this.later(wait, this.connect)
  }

  /** Without a socket: asks for new lines, and tries the socket now and then. */
  private readonly poll = (): void => {
    this.clear()
    const polling = this.state === 'polling'
    if (polling && Date.now() - this.socketTriedAt >= SOCKET_AGAIN_MS) return this.open()
    if (polling && document.hidden) return this.later(POLL_MS, this.poll)
    void this.pull().then((complete) => {
      if (this.stopped || !this.active || this.socket || this.timer !== null) return
      if (!complete) {
        // Nothing at all is answered, so that it says nothing of sockets.
        this.refusals = 0
        return this.retry()
      }
      this.set({ kind: 'polling' })
      this.later(POLL_MS, this.poll)
    })
  }

  private readonly finish = (): void => {
    this.clear()
    // A request under way may have missed the very last lines: another follows it.
    void Promise.resolve(this.pulling)
      .then(() => this.pull())
      .then((complete) => {
        if (this.stopped || this.active) return
        if (complete) this.set({ kind: 'ended' })
        else this.retry()
        this.caughtUp = complete
      })
  }

  /** Loads stored lines up to the present end; `false` when that failed. */
  private pull(): Promise<boolean> {
    this.pulling ??= this.pullPages().finally(() => {
      this.pulling = null
    })
    return this.pulling
  }

  private async pullPages(): Promise<boolean> {
    const { signal } = this.abort
    try {
      for (;;) {
        const page = await this.options.fetchPage(this.last, signal)
        if (signal.aborted) return false
        const fresh = page.items.filter((line) => line.seq > this.last)
        if (fresh.length > 0) this.deliver(fresh)
        if (page.next === null || fresh.length === 0) return true
      }
    } catch {
      return false
    }
  }

  private deliver(lines: LogLine[]): void {
    this.last = lines.at(-1)?.seq ?? this.last
    this.options.onLines(lines)
  }

  private later(wait: number, run: () => void): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = setTimeout(run, wait)
  }

  private clear(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    if (this.quiet !== null) clearTimeout(this.quiet)
    this.quiet = null
    const socket = this.socket
    this.socket = null
    this.opened = null
    this.waiting = []
    socket?.close()
  }

  private set(state: LogState): void {
    this.state = state.kind
    if (!this.stopped) this.options.onState(state)
  }
}
