import { memo, useMemo, useState } from 'react'
import { Button } from '../ui/Button'
import { scrollable } from '../ui/scrollable'
import { CutText } from './CutText'
import { SOURCE_LIMIT } from './limits'
import { tokens } from './python'

/** Longer sources are folded, unless their cell runs or failed. */
const FOLD = 40

/** Python source in colours. */
export const Source = memo(function Source({ source, open }: { source: string; open: boolean }) {
  const [unfolded, setUnfolded] = useState(false)
  const lines = source.split('\n')
  const folded = lines.length > FOLD && !open && !unfolded
  const shown = folded ? lines.slice(0, FOLD - 10).join('\n') : source
  const parts = useMemo(() => (shown.length > SOURCE_LIMIT ? null : tokens(shown)), [shown])
  return (
    <div className="min-w-0">
      {parts ? (
        <pre ref={scrollable} className="overflow-x-auto font-mono text-xs leading-5">
          <code>
            {parts.map((part, index) =>
              part.className === '' ? (
                part.text
              ) : (
                <span key={index} className={part.className}>
                  {part.text}
                </span>
              ),
            )}
          </code>
        </pre>
      ) : (
        <CutText text={shown} />
      )}
      {folded && (
        <Button size="small" look="quiet" onClick={() => setUnfolded(true)}>
          {`Show all ${lines.length} lines`}
        </Button>
      )}
    </div>
  )
})
