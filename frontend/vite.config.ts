import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const backend = process.env.MLSYS_URL ?? 'http://127.0.0.1:8000'

// What the backend serves with the built files; `vite preview` sends it too, so that a violation shows before a release does.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const proxy = {
  '/api': backend,
  '/ready': backend,
  '/webhook': backend,
  // The dashboard's own pages lie under /models too: only requests that are not for a page go on.
  '/models': {
    target: backend,
    bypass: (request: { headers: { accept?: string | undefined }; url?: string | undefined }) =>
      request.headers.accept?.includes('text/html') ? request.url : undefined,
  },
  '/ws': { target: backend, ws: true },
}

export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwindcss()],
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
    testTimeout: 30_000,
  },
}))
