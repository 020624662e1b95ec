import type { Cell, MimeBundle } from '../api/nbformat'
import { joined } from './cells'

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Text as base64 of its UTF-8. */
export function base64(text: string): string {
  const bytes = new TextEncoder().encode(text)
  let binary = ''
  for (let start = 0; start < bytes.length; start += 32_768) binary += String.fromCharCode(...bytes.subarray(start, start + 32_768))
  return btoa(binary)
}

/**
 * An image of an output as the address of an `<img>`, which runs no scripts and loads nothing, whatever the drawing contains;
 * `null` when it is none.
 */
export function imageUrl(mime: string, value: unknown): string | null {
  const text = joined(value)
  if (text === '') return null
  if (mime === 'image/svg+xml') return `data:image/svg+xml;base64,${base64(text)}`
  const digits = text.replace(/\s/g, '')
  return BASE64.test(digits) ? `data:${mime};base64,${digits}` : null
}

const pictures = ['image/png', 'image/jpeg', 'image/gif', 'image/svg+xml']

function firstImage(bundle: MimeBundle): string | null {
  for (const mime of pictures) if (bundle[mime] !== undefined) return imageUrl(mime, bundle[mime])
  return null
}

/** Markdown with the pictures that the cell carries along in place of their names. */
export function withAttachments(source: string, attachments: Cell['attachments']): string {
  if (!attachments) return source
  return source.replace(/attachment:([^\s)"']{1,200})/g, (whole, name: string) => {
    const bundle = Object.hasOwn(attachments, name) ? attachments[name] : undefined
    return (bundle && firstImage(bundle)) ?? whole
  })
}
