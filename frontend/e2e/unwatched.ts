import { readFileSync } from 'node:fs'
import type { Browser, CDPSession } from 'playwright-core'
import { until } from './until'

/**
 * A page that only its own protocol session looks at. Playwright watches the network of its pages, and for that the browser keeps
 * a copy of every answer in the page's process: as much again as the page itself takes.
 */
export class Unwatched {
  private readonly session: CDPSession
  private readonly context: string
  private readonly inner: string
  private id = 0

  private constructor(session: CDPSession, context: string, inner: string) {
    this.session = session
    this.context = context
    this.inner = inner
  }

  static async open(browser: Browser, url: string, cookie: string): Promise<Unwatched> {
    const session = await browser.newBrowserCDPSession()
    // In a context that Playwright does not know.
    const { browserContextId } = await session.send('Target.createBrowserContext')
    await session.send('Storage.setCookies', { cookies: [{ name: 'mlsys_session', value: cookie, url, httpOnly: true }], browserContextId })
    const { targetId } = await session.send('Target.createTarget', { url, browserContextId, width: 1280, height: 900 })
    const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false })
    return new Unwatched(session, browserContextId, sessionId)
  }

  /** What an expression, or its promise, is worth. */
  async value(expression: string): Promise<unknown> {
    const { result } = (await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true })) as { result: { value?: unknown } }
    return result.value
  }

  /** Waits until an expression is true. */
  async until(expression: string): Promise<void> {
    await until(expression, async () => (await this.value(expression)) === true)
  }

  /**
   * Bytes that the largest process of a page takes after a collection of garbage, its share of what is common included (PSS):
   * this page's, where no other is open.
   */
  async memory(): Promise<number> {
    await this.send('HeapProfiler.collectGarbage')
    const { processInfo } = await this.session.send('SystemInfo.getProcessInfo')
    const sizes = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, 'utf8'))?.[1]) * 1_024)
    return Math.max(...sizes)
  }

  async close(): Promise<void> {
    await this.session.send('Target.disposeBrowserContext', { browserContextId: this.context })
    await this.session.detach()
  }

  private send(method: string, params: object = {}): Promise<unknown> {
    this.id += 1
    const { id } = this
    const answer = new Promise<unknown>((resolve, reject) => {
      const hear = (event: { sessionId: string; message: string }) => {
        const said = JSON.parse(event.message) as { id?: number; result?: unknown; error?: { message: string } }
        if (event.sessionId !== this.inner || said.id !== id) return
        this.session.off('Target.receivedMessageFromTarget', hear)
        if (said.error) reject(new Error(`${method}: ${said.error.message}`))
        else resolve(said.result)
      }
      this.session.on('Target.receivedMessageFromTarget', hear)
    })
    return this.session.send('Target.sendMessageToTarget', { sessionId: this.inner, message: JSON.stringify({ id, method, params }) }).then(() => answer)
  }
}
