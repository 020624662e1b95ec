import { memo } from 'react'
import type { LogStream } from '../api/types'
import { cx } from '../ui/cx'
import { formatCount } from '../ui/numbers'
import { formatClock } from '../ui/time'
import { AnsiText } from './LineText'
import { CUT, WHOLE } from './text'

interface LogRowProps {
  seq: number
  text: string
  /** Columns of the text without colours. */
  width: number
  at: number
  stream: LogStream
  top: number
  height: number
  wrap: boolean
  expanded: boolean
  selected: boolean
  query: string
  current: boolean
  /** Columns for the line numbers. */
  digits: number
  onExpand: (seq: number) => void
}

const streams: Record<LogStream, { letter: string; className: string }> = {
  system: { letter: 'sys', className: 'text-accent' },
  stdout: { letter: 'out', className: 'text-faint' },
  stderr: { letter: 'err', className: 'text-warning' },
  display: { letter: 'dsp', className: 'text-success' },
  error: { letter: 'ERR', className: 'text-danger font-bold' },
}

/** Cuts without leaving half of a surrogate pair. */
function cut(text: string, length: number): string {
  const code = text.charCodeAt(length - 1)
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? length - 1 : length)
}

/** One line: number, stream, text. */
export const LogRow = memo(function LogRow(props: LogRowProps) {
  const { seq, text, width, at, stream, top, height, wrap, expanded, selected, query, current, digits, onExpand } = props
  const limit = expanded ? WHOLE : CUT
  const long = width > CUT
  const ground = selected ? 'bg-accent-tint' : stream === 'error' ? 'bg-danger-tint' : 'bg-surface'
  return (
    <div style={{ transform: `translateY(${top}px)`, height }} className={cx('absolute top-0 left-0 flex min-w-full leading-5', wrap && 'w-full', ground)} title={`${formatClock(at)}, ${stream}`}>
      <a
        href={`#L${seq}`}
        data-line={seq}
        tabIndex={-1}
        style={{ width: `${digits + 2}ch` }}
        className={cx('sticky left-0 z-10 shrink-0 pr-[1ch] text-right text-faint select-none hover:text-accent hover:underline', ground)}
      >
        {seq}
      </a>
      <span aria-label={stream} className={cx('w-[4ch] shrink-0 select-none', streams[stream].className)}>
        {streams[stream].letter}
      </span>
      <span className={cx('isolate', wrap ? 'min-w-0 flex-1 break-all whitespace-pre-wrap' : 'pr-4 whitespace-pre')}>
        <AnsiText text={long && text.length > limit ? cut(text, limit) : text} query={query} current={current} />
        {long && (
          <button type="button" className="link ml-2 font-sans text-xs select-none" onClick={() => onExpand(seq)}>
            {expanded ? 'Show less' : `Show all ${formatCount(width)} characters`}
          </button>
        )}
      </span>
    </div>
  )
})

interface LogSketchProps {
  seq: number
  /** Without colours. */
  plain: string
  stream: LogStream
  top: number
  wrap: boolean
  digits: number
}

/** A line while the log flies past: where and how long it is, in one element without colours. */
export const LogSketch = memo(function LogSketch({ seq, plain, stream, top, wrap, digits }: LogSketchProps) {
  const before = gutter(digits)
  const start = `${seq} ${streams[stream].letter.padEnd(4)}`.padStart(before)
  return (
    <div
      style={{ transform: `translateY(${top}px)`, textIndent: `-${before}ch`, paddingLeft: `${before}ch` }}
      className={cx('absolute top-0 left-0 leading-5', wrap ? 'w-full break-all whitespace-pre-wrap' : 'whitespace-pre')}
    >
      {start + cut(plain, CUT)}
    </div>
  )
})

/** The columns before the text, for the arithmetic of wrapped lines. */
export function gutter(digits: number): number {
  return digits + 2 + 4
}
