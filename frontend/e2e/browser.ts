import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The browser that CHROMIUM names, or the system's. */
function executable(): string {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (!found) throw new Error('Chromium is missing (Debian: apt install chromium); or name one in the variable CHROMIUM')
  return found
}

export function launch(): Promise<Browser> {
  // Containers run as root, where Chromium has no sandbox, and often with little shared memory.
  return chromium.launch({ executablePath: executable(), args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

export interface Visit {
  context: BrowserContext
  page: Page
  /** What the console complained of, and scripts that failed. */
  complaints: string[]
  /** Everything that was asked for. */
  requests: string[]
}

/** A notebook that has not been read yet is a 404, and so is the table of a bucket that was not scanned yet: Chromium complains of these by itself. */
const EXPECTED = /status of 404.*\/api\/(pipelines\/[^/]+\/notebook\?abridged=true|tables\/local\.mlsys_\w+\.model_registry)$/

/** A browser of one's own, signed in if it has a session, with a page that shows nothing yet. */
export async function visit(browser: Browser, base: string, session: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ baseURL: base, viewport: { width: 1280, height: 900 }, ...options })
  if (session) await context.addCookies([{ name: 'mlsys_session', value: session, url: base, httpOnly: true, sameSite: 'Lax' }])
  const complaints: string[] = []
  const requests: string[] = []
  context.on('request', (request) => requests.push(request.url()))
  context.on('console', (message) => {
    const text = `${message.text()} ${message.location().url}`
    if ((message.type() === 'error' || message.type() === 'warning') && !EXPECTED.test(text)) complaints.push(text)
  })
  context.on('weberror', (error) => complaints.push(String(error.error())))
  const page = await context.newPage()
  page.on('websocket', (socket) => requests.push(socket.url()))
  page.setDefaultTimeout(30_000)
  return { context, page, complaints, requests }
}

/** What was asked of anything else than a site. */
export function foreign(requests: readonly string[], base: string): string[] {
  const { host } = new URL(base)
  return requests.filter((url) => !url.startsWith('data:') && !url.startsWith('blob:') && new URL(url).host !== host)
}
