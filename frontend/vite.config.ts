import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const backend = process.env.MLSYS_URL ?? 'http://127.0.0.1:8000'

// What the backend serves with the built files; `vite preview` sends it too, so that a violation shows before a release does.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The browser's Host header is passed on: the backend takes changes from pages of its own origin only.
const proxy = {
  '/api': { target: backend },
  '/ready': { target: backend },
  '/webhook': { target: backend },
  '/model-registry': { target: backend },
  // The dashboard's own pages lie under /models too: only requests that are not for a page go on.
  '/models': {
    target: backend,
    bypass: (request: { headers: { accept?: string | undefined }; url?: string | undefined }) => (request.headers.accept?.includes('text/html') ? request.url : undefined),
  },
  '/ws': { target: backend, ws: true },
}

/** Puts NAME.br and NAME.gz beside what shrinks by it; the servers send them as they are. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir = '' }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|svg|html)$/.test(name)) continue
        const content = readFileSync(join(dir, name))
        if (content.length < 1_024) continue
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(content))
        writeFileSync(join(dir, `${name}.gz`), gzipSync(content, { level: 9 }))
      }
    },
  }
}

export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwindcss(), compressed()],
  server: { port: 3000, proxy: mode === 'mock' ? {} : proxy },
  preview: { proxy: mode === 'mock' ? {} : proxy, headers: { 'Content-Security-Policy': contentSecurityPolicy } },
  build: {
    outDir: mode === 'mock' ? 'dist-mock' : 'dist',
    emptyOutDir: true,
    // Small files as data: URLs would need more in the policy; the polyfill serves browsers that lack more than it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://mlsys.test/' } },
    setupFiles: ['src/test/setup.ts'],
    restoreMocks: true,
    // A process for each file would load everything anew: three times the work.
    isolate: false,
    testTimeout: 120_000,
  },
}))
