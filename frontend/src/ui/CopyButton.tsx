import { useState } from 'react'
import { Button } from './Button'
import { toast } from './toasts'

/** Puts text into the clipboard; without its API (plain HTTP on another host) the way of old browsers does. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.style.position = 'fixed'
    area.style.opacity = '0'
    const host = document.querySelector('dialog[open]') ?? document.body
    host.append(area)
    area.select()
    const copied = document.execCommand?.('copy') ?? false
    area.remove()
    return copied
  }
}

interface CopyButtonProps {
  text: string | (() => string)
  label?: string
  size?: 'normal' | 'small'
  /** Shows the label beside the icon. */
  wide?: boolean
}

export function CopyButton({ text, label = 'Copy', size = 'small', wide = false }: CopyButtonProps) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    const done = await copyText(typeof text === 'string' ? text : text())
    if (!done) return toast('The browser did not allow copying.', 'danger')
    setCopied(true)
    toast('Copied.')
    setTimeout(() => setCopied(false), 1_500)
  }
  return (
    <Button look="quiet" size={size} icon={copied ? 'check' : 'copy'} aria-label={label} onClick={() => void copy()}>
      {wide && label}
    </Button>
  )
}
