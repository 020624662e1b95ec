import type { ReactNode } from 'react'
import { Icon } from './Icon'

/** A link to another site. Addresses come from settings and remotes: only web addresses become links. */
export function External({ href, children }: { href: string | null; children: ReactNode }) {
  if (!href || !/^https?:\/\//i.test(href)) return <>{children}</>
  return (
    <a href={href} target="_blank" rel="noopener noreferrer" className="link inline-flex min-w-0 items-center gap-1">
      {children}
      <Icon name="external" className="size-3" />
      <span className="sr-only">(new tab)</span>
    </a>
  )
}
