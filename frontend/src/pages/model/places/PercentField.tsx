import { type ReactNode, useId, useState } from 'react'

interface PercentFieldProps {
  label: string
  value: number
  onChange: (value: number) => void
  /** What it means, under the field. */
  children?: ReactNode
}

/** The percentage that a text says; null if it says none. */
export function percentOf(text: string): number | null {
  const value = Number(text)
  return /^\d{1,3}$/.test(text) && value <= 100 ? value : null
}

/** Whole percents from 0 to 100: a slider, and a field for those who know the number. */
export function PercentField({ label, value, onChange, children }: PercentFieldProps) {
  const id = useId()
  // What is being typed may be no number yet.
  const [typed, setTyped] = useState<string | null>(null)
  const wrong = typed !== null && percentOf(typed) === null
  const type = (text: string) => {
    setTyped(text)
    const percent = percentOf(text)
    if (percent !== null) onChange(percent)
  }
  return (
    <div role="group" aria-labelledby={`${id}-label`} className="flex flex-col gap-1">
      <label id={`${id}-label`} htmlFor={`${id}-field`}>
        {label}
      </label>
      <div className="flex items-center gap-3">
        <input
          type="range"
          min={0}
          max={100}
          step={1}
          value={value}
          aria-label={`${label}, slider`}
          aria-valuetext={`${value} %`}
          aria-describedby={children ? `${id}-help` : undefined}
          onChange={(event) => {
            setTyped(null)
            onChange(Number(event.target.value))
          }}
          onKeyDown={(event) => {
            // Browsers differ in how far a page goes.
            const step = { PageUp: 10, PageDown: -10 }[event.key]
            if (step === undefined) return
            event.preventDefault()
            setTyped(null)
            onChange(Math.min(100, Math.max(0, value + step)))
          }}
          className="h-6 min-w-0 flex-1 accent-(--accent)"
        />
        <span className="flex items-center gap-1">
          <input
            id={`${id}-field`}
            type="number"
            inputMode="numeric"
            min={0}
            max={100}
            step={1}
            required
            value={typed ?? value}
            aria-invalid={wrong || undefined}
            aria-describedby={children ? `${id}-help` : undefined}
            onChange={(event) => type(event.target.value)}
            onBlur={() => !wrong && setTyped(null)}
            className="field w-18 text-right tabular-nums"
          />
          %
        </span>
      </div>
      {children && (
        <p id={`${id}-help`} className="text-sm text-muted">
          {children}
        </p>
      )}
    </div>
  )
}
