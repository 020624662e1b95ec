import type { Browser, BrowserContextOptions } from 'playwright-core'
import { type Visit, visit } from './browser'
import type { Wire } from './network'
import type { Stack } from './stack'

/** What all parts share; there from the first test on. */
export const world = {} as { stack: Stack; wire: Wire; browser: Browser }

/** Visits that the present test has opened. */
const open = new Set<Visit>()

/** A browser of one's own, on the other side of the wire, signed in unless it is to be a stranger's. */
export async function come(options: BrowserContextOptions = {}, session = world.stack.session): Promise<Visit> {
  const made = await visit(world.browser, world.wire.address, session, options)
  open.add(made)
  return made
}

/** Ends the visits; each is shown to `look` before. */
export async function leave(look: (visit: Visit) => Promise<void> = async () => undefined): Promise<void> {
  for (const one of open) {
    await look(one)
    await one.context.close()
  }
  open.clear()
}
