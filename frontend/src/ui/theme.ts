import { useSyncExternalStore } from 'react'

export type Theme = 'light' | 'dark'
export type ThemeChoice = Theme | 'system'

const KEY = 'mlsys.theme'
const listeners = new Set<() => void>()
const system = () => matchMedia('(prefers-color-scheme: dark)')

function stored(): ThemeChoice {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system'
  }
}

function shown(): Theme {
  const choice = stored()
  if (choice !== 'system') return choice
  return system().matches ? 'dark' : 'light'
}

function apply(): void {
  document.documentElement.dataset.theme = shown()
  for (const listener of listeners) listener()
}

export function chooseTheme(choice: ThemeChoice): void {
  try {
    if (choice === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, choice)
  } catch {
    // Without storage the choice lasts as long as the page.
    document.documentElement.dataset.theme = choice === 'system' ? shown() : choice
    return
  }
  apply()
}

/** Light becomes dark and the other way round; what the system wants anyway is not remembered. */
export function toggleTheme(): void {
  const next: Theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'
  chooseTheme((system().matches ? 'dark' : 'light') === next ? 'system' : next)
}

/** Follows the system while nothing was chosen. Called once, at the start. */
export function followSystemTheme(): void {
  system().addEventListener('change', apply)
}

export function useTheme(): { choice: ThemeChoice; shown: Theme } {
  const subscribe = (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  return { choice: useSyncExternalStore(subscribe, stored), shown: useSyncExternalStore(subscribe, shown) }
}
