import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef } from 'react'
import { cx } from './cx'

export interface Tab<Key extends string> {
  key: Key
  label: string
  /** A number or word after the label. */
  badge?: ReactNode
}

interface TabsProps<Key extends string> {
  tabs: readonly Tab<Key>[]
  current: Key
  onChange: (key: Key) => void
  label: string
  children: ReactNode
  className?: string
}

/** Tabs with the arrow keys; `children` is the panel of the current one. */
export function Tabs<Key extends string>({ tabs, current, onChange, label, children, className }: TabsProps<Key>) {
  const id = useId()
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const tab = document.getElementById(`${id}-${current}`)
    // On narrow screens the list scrolls: the current tab is in its middle then.
    if (list.current && tab) list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2
  }, [id, current])
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const index = tabs.findIndex((tab) => tab.key === current)
    const next = tabs[(index + step + tabs.length) % tabs.length]
    if (!next) return
    onChange(next.key)
    document.getElementById(`${id}-${next.key}`)?.focus()
  }
  return (
    <div className={className}>
      <div ref={list} role="tablist" aria-label={label} onKeyDown={move} className="relative flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((tab) => (
          <button
            key={tab.key}
            id={`${id}-${tab.key}`}
            type="button"
            role="tab"
            aria-selected={tab.key === current}
            aria-controls={`${id}-panel`}
            tabIndex={tab.key === current ? 0 : -1}
            onClick={() => onChange(tab.key)}
            className={cx(
              '-mb-px flex items-center gap-1.5 border-b-2 px-3 py-1.5 font-medium whitespace-nowrap -outline-offset-2',
              tab.key === current ? 'border-accent text-ink' : 'border-transparent text-muted hover:text-ink',
            )}
          >
            {tab.label}
            {tab.badge !== undefined && <span className="text-xs text-faint tabular-nums">{tab.badge}</span>}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-${current}`} className="pt-3">
        {children}
      </div>
    </div>
  )
}
