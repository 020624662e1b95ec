import { useEffect, useRef, useSyncExternalStore } from 'react'
import { type Binding, keyboard } from './keyboard'

/** Binds keys while the component is there. The handlers may change at every render; the keys and texts may not. */
export function useShortcuts(bindings: readonly Binding[]): void {
  const latest = useRef(bindings)
  useEffect(() => {
    latest.current = bindings
  })
  const signature = bindings.map((binding) => binding.keys).join('|')
  useEffect(() => {
    const stable = latest.current.map(({ keys, does }, index) => ({ keys, does, run: () => latest.current[index]?.run() }))
    return keyboard.add(stable)
  }, [signature])
}

/** What is bound now, each key once: the binding that would run. */
export function useBindings(): Binding[] {
  const bindings = useSyncExternalStore(keyboard.subscribe, keyboard.list)
  const first = new Map<string, Binding>()
  for (const binding of bindings) if (!first.has(binding.keys)) first.set(binding.keys, binding)
  return [...first.values()]
}

export const SEARCH = 'data-search'

/** Puts the cursor into the page's search field, the one with `data-search`. */
export function focusSearch(): void {
  const field = document.querySelector<HTMLInputElement>(`[${SEARCH}]`)
  field?.focus()
  field?.select()
}
