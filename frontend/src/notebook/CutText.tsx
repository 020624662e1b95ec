import { useState } from 'react'
import { AnsiText } from '../log/LineText'
import { Button } from '../ui/Button'
import { formatBytes } from '../ui/numbers'
import { TEXT_LIMIT, TEXT_STEP } from './limits'

interface CutTextProps {
  text: string
  limit?: number
  className?: string
}

/** Text with terminal colours; a very long one comes in pieces, so that the page stays usable. */
export function CutText({ text, limit = TEXT_LIMIT, className = '' }: CutTextProps) {
  const [shown, setShown] = useState(limit)
  return (
    <>
      <pre className={`overflow-x-auto font-mono text-xs whitespace-pre-wrap wrap-anywhere ${className}`}>
        <AnsiText text={text.length > shown ? text.slice(0, shown) : text} />
      </pre>
      {text.length > shown && (
        <Button size="small" onClick={() => setShown(shown + TEXT_STEP)}>
          {`Show more (${formatBytes(shown)} of ${formatBytes(text.length)} shown)`}
        </Button>
      )}
    </>
  )
}
