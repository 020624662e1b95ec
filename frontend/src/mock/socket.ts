import type { Socket, SocketHandlers } from '../api/transport'
import type { MockServer } from './server'

/** The live log of a mock pipeline. */
export function mockSocket(server: MockServer, path: string, handlers: SocketHandlers): Socket {
  const url = new URL(path, 'ws://mock')
  const pipeline = server.find(url.pathname.split('/')[3])
  let last = Number(url.searchParams.get('after') ?? 0)
  const send = () => {
    if (!pipeline) return finish(1011)
    for (const line of server.log(pipeline).lines(last, 2_000, Date.now())) {
      last = line.seq
      handlers.message(JSON.stringify(line))
    }
    if (pipeline.status === 'queued' || pipeline.status === 'running') return
    handlers.message(JSON.stringify({ end: pipeline.status }))
    finish(1000)
  }
  const timer = setInterval(send, 120)
  setTimeout(handlers.open, 30)
  const finish = (code: number) => {
    clearInterval(timer)
    handlers.close(code)
  }
  return { close: () => clearInterval(timer) }
}
