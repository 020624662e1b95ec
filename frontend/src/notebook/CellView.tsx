import { lazy, memo, type ReactNode, Suspense } from 'react'
import type { Cell } from '../api/nbformat'
import type { Violation } from '../log/store'
import { cx } from '../ui/cx'
import { Icon } from '../ui/Icon'
import { Badge, type Tone } from '../ui/StatusBadge'
import { Duration } from '../ui/Times'
import { CutText } from './CutText'
import { type CellState, type CellStatus, joined, outputsOf, stateOf, tagsOf } from './cells'
import { withAttachments } from './images'
import { SOURCE_LIMIT } from './limits'
import { OutputView } from './OutputView'
import { Source } from './Source'
import { ViolationList } from './ViolationList'

const MarkdownText = lazy(() => import('./MarkdownText'))

const looks: Record<CellStatus, { tone: Tone; word: string; border: string }> = {
  pending: { tone: 'neutral', word: 'Pending', border: 'border-l-line' },
  running: { tone: 'accent', word: 'Running', border: 'border-l-accent' },
  completed: { tone: 'success', word: 'Done', border: 'border-l-success' },
  failed: { tone: 'danger', word: 'Failed', border: 'border-l-danger' },
}

function State({ state, live }: { state: CellState; live: boolean }) {
  const { tone, word } = looks[state.status]
  // A cell that was running when its pipeline ended does not run any more.
  if (state.status === 'running' && !live) return <Badge tone="warning">Interrupted</Badge>
  return (
    <span className="flex items-center gap-1.5">
      {state.status !== 'completed' && state.status !== 'pending' && (
        <Badge tone={tone} {...(state.status === 'running' ? { icon: 'run', iconClass: 'spin' } : { icon: 'cross' })}>
          {word}
        </Badge>
      )}
      {state.status === 'completed' && <Icon name="check" className="size-3.5 text-success" />}
      <span className="sr-only">{word}</span>
      {state.start && <Duration from={state.start} to={state.end} ticking={live} className="text-xs text-muted" />}
    </span>
  )
}

export interface CellViewProps {
  cell: Cell
  /** What messages call it, see `numbersOf`. */
  number: number
  /** Whether the pipeline still runs. */
  live: boolean
  violations: readonly Violation[]
  /** What follows its outputs. */
  more?: ReactNode
}

/** A cell: what it is for, its source, its outputs. */
export const CellView = memo(function CellView({ cell, number, live, violations, more }: CellViewProps) {
  const source = joined(cell.source)
  const state = stateOf(cell)
  const label = `cell ${number}`
  if (cell.cell_type === 'markdown') {
    const markdown = withAttachments(source, cell.attachments)
    return (
      <article aria-label={`Markdown ${label}`} className="px-3 py-2">
        {source.length > SOURCE_LIMIT ? (
          <CutText text={source} />
        ) : (
          <Suspense fallback={<p className="whitespace-pre-line">{source}</p>}>
            <MarkdownText source={markdown} />
          </Suspense>
        )}
        <ViolationList violations={violations} />
      </article>
    )
  }
  const tags = tagsOf(cell)
  const outputs = outputsOf(cell)
  return (
    <article aria-label={`Code ${label}`} className={cx('border-l-2 py-2 pr-3 pl-2.5', state ? looks[state.status].border : 'border-l-line')}>
      <div className="mb-1 flex min-h-5 flex-wrap items-center gap-x-2 gap-y-1">
        <span className="text-xs text-faint tabular-nums">{number}</span>
        {tags.map((tag) => (
          <Badge key={tag} tone={tag.startsWith('mlops:') ? 'accent' : 'neutral'}>
            {tag.slice(0, 60)}
          </Badge>
        ))}
        {state && (
          <span className="ml-auto">
            <State state={state} live={live} />
          </span>
        )}
      </div>
      {cell.cell_type === 'code' ? <Source source={source} open={state?.status === 'running' || state?.status === 'failed'} /> : <CutText text={source} />}
      {violations.length > 0 && (
        <div className="mt-2">
          <ViolationList violations={violations} />
        </div>
      )}
      {(outputs.length > 0 || more) && (
        <div className="mt-2 flex flex-col gap-2 border-t border-dashed border-line pt-2">
          {outputs.map((output, place) => (
            <OutputView key={place} output={output} label={label} />
          ))}
          {more}
        </div>
      )}
    </article>
  )
})
