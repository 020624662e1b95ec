import type { Tone } from './StatusBadge'

export interface ToastMessage {
  id: number
  text: string
  tone: Tone
}

let messages: readonly ToastMessage[] = []
let counter = 0
const listeners = new Set<() => void>()

function set(next: readonly ToastMessage[]): void {
  messages = next
  for (const listener of listeners) listener()
}

export function dismissToast(id: number): void {
  set(messages.filter((message) => message.id !== id))
}

/** Says something in the corner for a while; failures stay longer. */
export function toast(text: string, tone: Tone = 'neutral'): void {
  counter += 1
  const id = counter
  set([...messages.slice(-3), { id, text, tone }])
  setTimeout(() => dismissToast(id), tone === 'danger' ? 12_000 : 4_000)
}

export const toastStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
  read: (): readonly ToastMessage[] => messages,
}
