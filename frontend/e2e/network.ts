import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  await closed
}

/** The network between the browser and the backend, which can be cut. */
export class Wire {
  /** Connections are dropped, and new ones too. */
  private isCut = false
  /** WebSockets are dropped, as by a proxy that does not know them. */
  refusesSockets = false
  private readonly ends = new Set<Socket>()
  private readonly server: Server
  private port = 0

  private constructor(backend: string) {
    const { hostname, port } = new URL(backend)
    this.server = createServer((browser) => {
      if (this.isCut) return void browser.destroy()
      const server = connect(Number(port), hostname)
      this.join(browser, server, (chunk) => this.refusesSockets && /^upgrade: websocket/im.test(chunk.toString('latin1')))
      this.join(server, browser)
    })
  }

  static async to(backend: string): Promise<Wire> {
    const wire = new Wire(backend)
    wire.port = await listen(wire.server)
    return wire
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Passes on what comes from one end to the other, until something is refused. */
  private join(from: Socket, to: Socket, refused: (chunk: Buffer) => boolean = () => false): void {
    this.ends.add(from)
    from.on('data', (chunk) => (refused(chunk) ? from.destroy() : to.write(chunk)))
    from.on('end', () => to.end())
    from.on('error', () => from.destroy())
    from.on('close', () => {
      this.ends.delete(from)
      to.destroy()
    })
  }

  cut(): void {
    this.isCut = true
    for (const end of this.ends) end.destroy()
  }

  mend(): void {
    this.isCut = false
  }

  async close(): Promise<void> {
    this.cut()
    await close(this.server)
  }
}

/** Another site, which counts who comes. */
export class ElseWhere {
  readonly visits: string[] = []
  private readonly server: Server
  private port = 0

  private constructor() {
    this.server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.on('data', (chunk) => {
        this.visits.push(chunk.toString('latin1').split('\r\n', 1)[0] ?? '')
        socket.end('HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-type: text/javascript\r\ncontent-length: 0\r\n\r\n')
      })
    })
  }

  static async open(): Promise<ElseWhere> {
    const site = new ElseWhere()
    site.port = await listen(site.server)
    return site
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async close(): Promise<void> {
    await close(this.server)
  }
}
