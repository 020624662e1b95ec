import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react'
import { Button, cx } from '../../ui'
import { addDays, addMonths, coverageOf, type Day, type DaySummary, dayName, monthName, WEEKDAYS, weekday, weeksOf } from './days'
import { inWords, Marks } from './Marks'

interface CalendarProps {
  today: Day
  days: ReadonlyMap<Day, DaySummary>
  zone: string
  /** The moment down to which firings are loaded; null: all are. */
  loadedDownTo: string | null
  /** The day whose firings alone are listed. */
  chosen: Day | null
  onChoose: (day: Day | null) => void
  /** The month that is looked at, by a day of it. */
  onLook: (day: Day) => void
}

/** Where a key leads from a day. */
export function dayAfterKey(key: string, day: Day): Day | null {
  switch (key) {
    case 'ArrowLeft':
      return addDays(day, -1)
    case 'ArrowRight':
      return addDays(day, 1)
    case 'ArrowUp':
      return addDays(day, -7)
    case 'ArrowDown':
      return addDays(day, 7)
    case 'Home':
      return addDays(day, -weekday(day))
    case 'End':
      return addDays(day, 6 - weekday(day))
    case 'PageUp':
      return addMonths(day, -1)
    case 'PageDown':
      return addMonths(day, 1)
    default:
      return null
  }
}

/** A month of firings. One of its days is in the tab order; the arrow keys walk from it, also into other months. */
export function Calendar({ today, days, zone, loadedDownTo, chosen, onChoose, onLook }: CalendarProps) {
  const id = useId()
  const grid = useRef<HTMLTableElement>(null)
  const [cursor, setCursor] = useState<Day>(chosen ?? today)
  // Walking moves the focus; the buttons above keep it.
  const walked = useRef(false)
  useEffect(() => {
    if (walked.current) grid.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus()
    walked.current = false
  }, [cursor])

  const go = (day: Day) => {
    setCursor(day)
    onLook(day)
  }
  const walk = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const next = dayAfterKey(event.key, cursor)
    if (next === null) return
    event.preventDefault()
    walked.current = true
    go(next)
  }

  return (
    <div className="flex flex-col gap-2">
      <div className="flex items-center gap-2">
        <Button size="small" icon="left" aria-label="Previous month" onClick={() => go(addMonths(cursor, -1))} />
        <Button size="small" icon="right" aria-label="Next month" onClick={() => go(addMonths(cursor, 1))} />
        <h3 id={id} aria-live="polite">
          {monthName(cursor)}
        </h3>
        {cursor.slice(0, 7) !== today.slice(0, 7) && (
          <Button size="small" look="quiet" onClick={() => go(today)}>
            Today
          </Button>
        )}
      </div>
      {/* As high as the longest month, so that what is below stays where it is. */}
      <div className="min-h-106">
        <table ref={grid} role="grid" aria-labelledby={id} onKeyDown={walk} className="w-full table-fixed border-collapse">
          <thead>
            <tr>
              {WEEKDAYS.map((name) => (
                <th key={name} scope="col" className="pb-1 text-left text-xs font-medium text-faint">
                  <abbr title={name} className="no-underline">
                    {name.slice(0, 3)}
                  </abbr>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weeksOf(cursor).map((week) => (
              <tr key={week.find((day) => day !== null)}>
                {week.map((day, index) => (
                  <td key={WEEKDAYS[index]} role="gridcell" className="h-16 border border-line p-0">
                    {day !== null && (
                      <DayButton
                        day={day}
                        today={today}
                        summary={days.get(day)}
                        coverage={day > today ? 'all' : coverageOf(day, loadedDownTo, zone)}
                        reachable={day === cursor}
                        chosen={day === chosen}
                        onChoose={() => {
                          setCursor(day)
                          onChoose(day === chosen ? null : day)
                        }}
                      />
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}

interface DayButtonProps {
  day: Day
  today: Day
  summary: DaySummary | undefined
  coverage: 'all' | 'some' | 'none'
  /** Whether the tab key comes to it. */
  reachable: boolean
  chosen: boolean
  onChoose: () => void
}

function DayButton({ day, today, summary, coverage, reachable, chosen, onChoose }: DayButtonProps) {
  const known = coverage === 'none' && !summary ? 'not loaded' : `${inWords(summary)}${coverage === 'some' ? ', and others that are not loaded' : ''}`
  return (
    <button
      type="button"
      tabIndex={reachable ? 0 : -1}
      aria-pressed={chosen}
      aria-current={day === today ? 'date' : undefined}
      title={known}
      onClick={onChoose}
      className={cx('flex size-full min-h-16 flex-col items-start gap-0.5 overflow-hidden p-0.5 text-left sm:p-1 -outline-offset-2', chosen ? 'bg-accent-tint' : 'hover:bg-raised')}
    >
      <span className="sr-only">{`${dayName(day)}: ${known}`}</span>
      <span aria-hidden="true" className={cx('rounded-full text-xs tabular-nums', day === today ? 'bg-accent px-1.5 font-semibold text-accent-ink' : day > today ? 'text-faint' : 'text-muted')}>
        {Number(day.slice(8))}
      </span>
      {summary && <Marks summary={summary} />}
      {coverage !== 'all' && (
        <span aria-hidden="true" className="text-xs text-faint">
          …
        </span>
      )}
    </button>
  )
}
