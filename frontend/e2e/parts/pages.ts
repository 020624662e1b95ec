import { expect, it } from 'vitest'
import { violations } from '../axe'
import { foreign } from '../browser'
import { places } from '../places'
import { come, world } from '../world'

const VIEWPORTS = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
]

export function pages(): void {
  for (const viewport of VIEWPORTS) {
    it(`at ${viewport.width} pixels keeps WCAG AA in light and dark, scrolls down only, complains of nothing and stays here`, async () => {
      const { page, complaints, requests } = await come({ viewport })
      const wrong: string[] = []
      for (const place of await places(world.stack)) {
        await page.goto(place.path)
        await place.ready(page)
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
          await page.locator(`html[data-theme=${colorScheme}]`).waitFor()
          wrong.push(...(await violations(page)).map((one) => `${place.name}, ${colorScheme}: ${one}`))
        }
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
        if (beyond > 0) wrong.push(`${place.name}: ${beyond} pixels wider than the screen`)
      }
      expect(wrong).toEqual([])
      expect(complaints).toEqual([])
      expect(foreign(requests, world.wire.address)).toEqual([])
    })
  }
}
