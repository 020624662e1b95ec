import { useState } from 'react'
import { Button } from '../ui/Button'
import { formatBytes } from '../ui/numbers'
import { CutText } from './CutText'
import { HTML_AS_TEXT } from './limits'
import { saveText } from './save'

/** HTML that would hold the page up: never parsed, only offered. */
export function LargeHtml({ html, kind }: { html: string; kind: string }) {
  const [open, setOpen] = useState(false)
  return (
    <div className="flex flex-col items-start gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-muted">{`${kind} output of ${formatBytes(html.length)}`}</span>
        <Button size="small" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Hide the text' : `Show as text (first ${formatBytes(HTML_AS_TEXT)})`}
        </Button>
        <Button size="small" icon="download" onClick={() => saveText(html, 'output.txt')}>
          Download
        </Button>
      </div>
      {open && <CutText text={html.slice(0, HTML_AS_TEXT)} />}
    </div>
  )
}
