export interface SocketHandlers {
  open: () => void
  message: (text: string) => void
  /** Comes once, also when the connection was refused. */
  close: (code: number) => void
}

export interface Socket {
  close: () => void
}

/** How the dashboard reaches its backend: the browser's own means, or the mock's. */
export interface Transport {
  fetch: (request: Request) => Promise<Response>
  /** Opens a WebSocket at a path of this origin. */
  socket: (path: string, handlers: SocketHandlers) => Socket
}

function browserSocket(path: string, handlers: SocketHandlers): Socket {
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`)
  socket.onopen = () => handlers.open()
  socket.onmessage = (event) => typeof event.data === 'string' && handlers.message(event.data)
  socket.onclose = (event) => handlers.close(event.code)
  return { close: () => socket.close() }
}

const browser: Transport = { fetch: (request) => fetch(request), socket: browserSocket }

let current = browser

export function transport(): Transport {
  return current
}

export function setTransport(next: Transport | null): void {
  current = next ?? browser
}
