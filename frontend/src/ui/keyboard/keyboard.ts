export interface Binding {
  /** One key, or two pressed one after the other: `?`, `g p`. As in `KeyboardEvent.key`. */
  keys: string
  /** For the help dialog. */
  does: string
  run: () => void
}

/** The longest time between the two keys of a sequence. */
const SEQUENCE_MS = 1_200

/** Whether a key event belongs to a field that is being typed in. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true
  const buttons = ['button', 'checkbox', 'radio', 'submit', 'reset']
  return target instanceof HTMLInputElement && !buttons.includes(target.type)
}

/** The page's key bindings: later ones go before earlier ones, so that a view may take over a key. */
export class Keyboard {
  private bindings: readonly Binding[] = []
  private prefix: { key: string; at: number } | null = null
  private readonly listeners = new Set<() => void>()

  /** Adds bindings; returns what takes them away again. */
  add(bindings: readonly Binding[]): () => void {
    this.set([...bindings, ...this.bindings])
    return () => this.set(this.bindings.filter((binding) => !bindings.includes(binding)))
  }

  list = (): readonly Binding[] => this.bindings

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  handle = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
    // A modal dialog has the keyboard to itself.
    if (document.querySelector('dialog[open]')) return
    const binding = this.match(event)
    if (!binding) return
    event.preventDefault()
    binding.run()
  }

  private match(event: KeyboardEvent): Binding | undefined {
    const waiting = this.prefix && event.timeStamp - this.prefix.at <= SEQUENCE_MS ? this.prefix.key : null
    this.prefix = null
    if (waiting !== null) {
      const found = this.bindings.find((binding) => binding.keys === `${waiting} ${event.key}`)
      if (found) return found
    }
    const single = this.bindings.find((binding) => binding.keys === event.key)
    if (single) return single
    const starts = this.bindings.some((binding) => binding.keys.startsWith(`${event.key} `))
    if (starts) this.prefix = { key: event.key, at: event.timeStamp }
    return undefined
  }

  private set(bindings: readonly Binding[]): void {
    this.bindings = bindings
    for (const listener of this.listeners) listener()
  }
}

export const keyboard = new Keyboard()
