import { setTransport } from '../api/transport'
import { MockServer } from './server'
import { mockSocket } from './socket'

/** Makes the dashboard talk to an API in memory, with the delay that a network has. */
export function installMock(server = new MockServer(), delay = 80): MockServer {
  setTransport({
    fetch: async (request) => {
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      return server.handle(request)
    },
    socket: (path, handlers) => mockSocket(server, path, handlers),
  })
  return server
}
