import { defineConfig } from 'vitest/config'

/** The dashboard in a real browser, in front of a real mlsys. One after the other: the parts share both. */
export default defineConfig({
  test: {
    include: ['e2e/*.e2e.ts'],
    // A pipeline's whole run lies between two lines of a test.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    slowTestThreshold: 60_000,
  },
})
