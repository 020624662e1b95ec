import { useLayoutEffect, useMemo, useRef } from 'react'
import { scrollable } from '../ui/scrollable'
import { CutText } from './CutText'
import { isBlank, sanitise } from './sanitise'

/** Someone else's HTML, made harmless. */
export default function HtmlOutput({ html, plain }: { html: string; plain: string }) {
  const place = useRef<HTMLDivElement>(null)
  const fragment = useMemo(() => sanitise(html), [html])
  const blank = isBlank(fragment)
  useLayoutEffect(() => {
    // A copy: React may run this twice with the same fragment, which would be empty the second time.
    place.current?.replaceChildren(fragment.cloneNode(true))
    scrollable(place.current)
  }, [fragment])
  return (
    <>
      <div ref={place} className="prose-cell overflow-x-auto" hidden={blank} />
      {blank && plain !== '' && <CutText text={plain} />}
      {blank && <p className="text-xs text-muted">This output needs scripts or styles of its own. mlsys does not run them.</p>}
    </>
  )
}
