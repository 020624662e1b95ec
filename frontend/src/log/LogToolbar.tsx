import type { KeyboardEvent, ReactNode } from 'react'
import { type LogStream, PHASES, type PhaseName } from '../api/types'
import { Button } from '../ui/Button'
import { CopyButton } from '../ui/CopyButton'
import { Icon } from '../ui/Icon'
import { formatCount } from '../ui/numbers'
import type { LogFilter } from './rows'
import { STREAMS } from './store'
import type { SearchState } from './useLogSearch'

function countText(search: SearchState): string {
  if (search.query === '' || search.applied !== search.query) return ''
  const total = `${formatCount(search.count)}${search.done ? '' : '+'}`
  return search.place >= 0 ? `${formatCount(search.place + 1)} of ${total}` : total === '0' ? 'nothing found' : `${total} lines`
}

export function LogSearchBox({ search, onGo }: { search: SearchState; onGo: (step: 1 | -1) => void }) {
  const pressed = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter') onGo(event.shiftKey ? -1 : 1)
    if (event.key === 'Escape') {
      search.setQuery('')
      event.currentTarget.blur()
    }
  }
  return (
    <div className="flex min-w-0 flex-1 basis-56 items-center gap-1">
      <input
        type="search"
        data-search=""
        aria-label="Search the log"
        placeholder="Search the log"
        className="field min-w-0 flex-1 text-sm"
        value={search.query}
        onChange={(event) => search.setQuery(event.target.value)}
        onKeyDown={pressed}
      />
      <span aria-live="polite" className="min-w-16 text-xs whitespace-nowrap text-muted tabular-nums empty:hidden">
        {countText(search)}
      </span>
      <Button look="quiet" size="small" icon="up" aria-label="Previous match" disabled={search.count === 0} onClick={() => onGo(-1)} />
      <Button look="quiet" size="small" icon="down" aria-label="Next match" disabled={search.count === 0} onClick={() => onGo(1)} />
    </div>
  )
}

function Choice<Value extends string>(props: { label: string; all: string; value: Value | null; values: readonly Value[]; onChange: (value: Value | null) => void }) {
  return (
    <select
      aria-label={props.label}
      className="field min-h-7 py-0 text-sm"
      value={props.value ?? ''}
      onChange={(event) => props.onChange(props.values.find((value) => value === event.target.value) ?? null)}
    >
      <option value="">{props.all}</option>
      {props.values.map((value) => (
        <option key={value}>{value}</option>
      ))}
    </select>
  )
}

interface LogToolbarProps {
  search: SearchState
  onGo: (step: 1 | -1) => void
  filter: LogFilter
  onFilter: (filter: LogFilter) => void
  wrap: boolean
  onWrap: (wrap: boolean) => void
  follow: boolean
  onFollow: (follow: boolean) => void
  copy: () => string
  copyLabel: string
  downloadUrl: string
  status: ReactNode
}

export function LogToolbar(props: LogToolbarProps) {
  const { filter, onFilter } = props
  return (
    <div className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-line px-2 py-1.5">
      <LogSearchBox search={props.search} onGo={props.onGo} />
      <div className="flex flex-wrap items-center gap-1">
        <Choice<LogStream> label="Stream" all="All streams" values={STREAMS} value={filter.stream} onChange={(stream) => onFilter({ ...filter, stream })} />
        <Choice<PhaseName> label="Phase" all="All phases" values={PHASES} value={filter.phase} onChange={(phase) => onFilter({ ...filter, phase })} />
        <Button size="small" icon="down" aria-pressed={props.follow} onClick={() => props.onFollow(!props.follow)}>
          Follow
        </Button>
        <Button size="small" icon="wrap" aria-pressed={props.wrap} onClick={() => props.onWrap(!props.wrap)}>
          Wrap
        </Button>
        <CopyButton text={props.copy} label={props.copyLabel} />
        <a href={props.downloadUrl} download aria-label="Download the log" title="Download the log" className="flex min-h-7 items-center rounded-md px-2 text-muted hover:bg-raised hover:text-ink">
          <Icon name="download" />
        </a>
        {props.status}
      </div>
    </div>
  )
}
