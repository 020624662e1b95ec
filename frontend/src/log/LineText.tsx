import { Fragment, type ReactNode } from 'react'
import { parseAnsi, type Segment } from './ansi'
import { pattern } from './search'

function look(segment: Segment, children: ReactNode, key: number): ReactNode {
  if (segment.className === '' && segment.style === null) return <Fragment key={key}>{children}</Fragment>
  return (
    <span key={key} className={segment.className || undefined} style={segment.style ?? undefined}>
      {children}
    </span>
  )
}

/** Where a query occurs in a text, as pairs of start and end. */
export function occurrences(text: string, query: string, most = 1_000): [number, number][] {
  if (query === '') return []
  const found: [number, number][] = []
  const wanted = pattern(query, 'gi')
  for (let match = wanted.exec(text); match && found.length < most; match = wanted.exec(text)) {
    found.push([match.index, match.index + match[0].length])
  }
  return found
}

function marked(segment: Segment, start: number, marks: readonly [number, number][], current: boolean): ReactNode {
  const end = start + segment.text.length
  const pieces: ReactNode[] = []
  let at = start
  for (const [from, to] of marks) {
    if (to <= at || from >= end) continue
    const [first, last] = [Math.max(from, at), Math.min(to, end)]
    pieces.push(segment.text.slice(at - start, first - start))
    pieces.push(
      <mark key={first} className={current ? 'mark-current mark' : 'mark'}>
        {segment.text.slice(first - start, last - start)}
      </mark>,
    )
    at = last
  }
  pieces.push(segment.text.slice(at - start))
  return pieces
}

/** Text with terminal colours; occurrences of the query are marked, also where colours change within them. */
export function AnsiText({ text, query = '', current = false }: { text: string; query?: string; current?: boolean }) {
  const segments = parseAnsi(text)
  if (query === '') return <>{segments.map((segment, index) => look(segment, segment.text, index))}</>
  const marks = occurrences(segments.map((segment) => segment.text).join(''), query)
  let start = 0
  return (
    <>
      {segments.map((segment, index) => {
        const content = marked(segment, start, marks, current)
        start += segment.text.length
        return look(segment, content, index)
      })}
    </>
  )
}
