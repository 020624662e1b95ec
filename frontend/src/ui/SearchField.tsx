import { useEffect, useId, useRef, useState } from 'react'
import { cx } from './cx'

const DEBOUNCE_MS = 300

interface SearchFieldProps {
  label: string
  placeholder?: string
  value: string
  suggestions?: readonly string[]
  /** The page's own search, which / focuses. */
  main?: boolean
  className?: string
  /** What was typed, after a short rest or with Enter. */
  onChange: (value: string) => void
  /** What is being typed: for suggestions. */
  onType?: (value: string) => void
}

/** A field whose text is searched for by the backend. */
export function SearchField({ label, placeholder = label, value, suggestions = [], main = false, className, onChange, onType }: SearchFieldProps) {
  const id = useId()
  const [typed, setTyped] = useState(value)
  const sent = useRef(value)
  // What another made of the address replaces what was typed; one's own words come back later, and must not.
  useEffect(() => {
    if (value !== sent.current) setTyped(value)
    sent.current = value
  }, [value])
  useEffect(() => {
    const wanted = typed.trim()
    if (wanted === sent.current) return
    const timer = setTimeout(() => {
      sent.current = wanted
      onChange(wanted)
    }, DEBOUNCE_MS)
    return () => clearTimeout(timer)
  }, [typed, onChange])
  const now = () => {
    const wanted = typed.trim()
    if (wanted === sent.current) return
    sent.current = wanted
    onChange(wanted)
  }
  return (
    <>
      <input
        type="search"
        aria-label={label}
        placeholder={main ? `${placeholder}  ( / )` : placeholder}
        className={cx('field min-w-0', className)}
        list={suggestions.length > 0 ? id : undefined}
        maxLength={200}
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value)
          onType?.(event.target.value)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') now()
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
        {...(main ? { 'data-search': '' } : {})}
      />
      {suggestions.length > 0 && (
        <datalist id={id}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
    </>
  )
}
