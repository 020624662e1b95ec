import { lazy, memo, type ReactNode, Suspense } from 'react'
import type { MimeBundle, Output } from '../api/nbformat'
import { CutText } from './CutText'
import { joined, richest, settleReturns } from './cells'
import { imageUrl } from './images'
import { LargeHtml } from './LargeHtml'
import { HTML_LIMIT, IMAGE_LIMIT, SOURCE_LIMIT } from './limits'

const HtmlOutput = lazy(() => import('./HtmlOutput'))
const MarkdownText = lazy(() => import('./MarkdownText'))

/** Loaded when the first output needs it; until then the plain text stands there. */
function Lazily({ plain, children }: { plain: string; children: ReactNode }) {
  return <Suspense fallback={<CutText text={plain} />}>{children}</Suspense>
}

function pretty(value: unknown): string {
  try {
    return JSON.stringify(value, null, 2) ?? ''
  } catch {
    return String(value)
  }
}

/** Names of Python's reprs, `<Figure size 640x480>` say, tell nothing about a picture. */
function altOf(plain: string, label: string): string {
  const text = plain.trim()
  return text === '' || text.startsWith('<') ? `Image output of ${label}` : text.slice(0, 200)
}

function Bundle({ data, label }: { data: MimeBundle; label: string }) {
  const mime = richest(data)
  const plain = joined(data['text/plain'])
  if (mime === null) {
    const names = Object.keys(data).slice(0, 5).join(', ')
    return <p className="text-xs text-muted">{`An output that is not shown here: ${names.slice(0, 200) || 'empty'}`}</p>
  }
  if (mime.startsWith('image/')) {
    const size = joined(data[mime]).length
    if (mime === 'image/svg+xml' && size > HTML_LIMIT * 10) return <LargeHtml html={joined(data[mime])} kind="SVG" />
    const url = size > IMAGE_LIMIT ? null : imageUrl(mime, data[mime])
    if (url === null) return <CutText text={plain || 'An image that cannot be shown.'} />
    return <img src={url} alt={altOf(plain, label)} className="h-auto max-w-full self-start rounded-md bg-[#fff]" />
  }
  const text = joined(data[mime])
  if (mime === 'text/html') {
    if (text.length > HTML_LIMIT) return <LargeHtml html={text} kind="HTML" />
    return (
      <Lazily plain={plain}>
        <HtmlOutput html={text} plain={plain} />
      </Lazily>
    )
  }
  if (mime === 'text/markdown' && text.length <= SOURCE_LIMIT) {
    return (
      <Lazily plain={plain || text}>
        <MarkdownText source={text} />
      </Lazily>
    )
  }
  if (mime === 'application/json') return <CutText text={pretty(data[mime])} />
  return <CutText text={settleReturns(text)} />
}

/** One output of a cell. */
export const OutputView = memo(function OutputView({ output, label }: { output: Output; label: string }) {
  if (output.output_type === 'stream') {
    const text = settleReturns(joined(output.text))
    return <CutText text={text} className={output.name === 'stderr' ? 'border-l-2 border-warning pl-2' : ''} />
  }
  if (output.output_type === 'error') {
    const lines = Array.isArray(output.traceback) ? output.traceback.filter((line) => typeof line === 'string') : []
    const text = lines.length > 0 ? lines.join('\n') : `${joined(output.ename)}: ${joined(output.evalue)}`
    return (
      <div role="group" aria-label={`Error in ${label}`} className="rounded-md border border-danger p-2">
        <CutText text={text} />
      </div>
    )
  }
  return typeof output.data === 'object' && output.data !== null ? <Bundle data={output.data} label={label} /> : null
})
