import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe } from 'vitest'
import { launch } from './browser'
import { Wire } from './network'
import { connection } from './parts/connection'
import { crowd } from './parts/crowd'
import { failures } from './parts/failures'
import { hostile } from './parts/hostile'
import { pages } from './parts/pages'
import { registry } from './parts/registry'
import { schedules } from './parts/schedules'
import { signing } from './parts/signing'
import { size } from './parts/size'
import { story } from './parts/story'
import { tables } from './parts/tables'
import { root, Stack } from './stack'
import { leave, world } from './world'

const PICTURES = join(root, 'target/e2e')

beforeAll(async () => {
  world.browser = await launch()
  world.stack = await Stack.start()
  world.wire = await Wire.to(world.stack.api)
})

afterEach(async ({ task }) => {
  const failed = task.result?.state === 'fail'
  if (failed) console.error(`mlsys:\n${world.stack.log().split('\n').slice(-60).join('\n')}`)
  await leave(async ({ page, complaints }) => {
    if (!failed) return
    mkdirSync(PICTURES, { recursive: true })
    const picture = join(PICTURES, `${task.name.replace(/\W+/g, '-')}.png`)
    await page.screenshot({ path: picture }).catch(() => undefined)
    console.error(`the page was ${page.url()} and looked like ${picture}; the browser complained of: ${complaints.join('\n') || 'nothing'}`)
  })
})

afterAll(async () => {
  await world.wire?.close()
  await world.browser?.close()
  await world.stack?.stop()
})

// The story begins with an mlsys that has seen nothing; the pages at the end have something to show.
describe('the first push', story)
describe('tables', tables)
describe('schedules', schedules)
describe('the registry', registry)
describe('a connection', connection)
describe('failures', failures)
describe('hostile outputs', hostile)
describe('signing in', signing)
describe('the first view', size)
describe('each page', pages)
// Last: nothing after it has a short list.
describe('a crowd', crowd)
