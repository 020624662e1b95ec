import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { root } from './stack'

/** Bytes of a served file as a browser gets it. */
export function gzipped(url: string): number {
  const file = join(root, 'frontend/dist', new URL(url).pathname)
  return existsSync(`${file}.gz`) ? readFileSync(`${file}.gz`).length : gzipSync(readFileSync(file)).length
}
