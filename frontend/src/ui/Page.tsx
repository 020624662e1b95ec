import { type ReactNode, useEffect } from 'react'
import { cx } from './cx'

/** The name of the page in the browser's tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · mlsys` : 'mlsys'
  }, [title])
}

interface PageProps {
  title: string
  /** What stands in place of the title's text, where that is more than text. */
  heading?: ReactNode
  /** A line under the heading. */
  subtitle?: ReactNode
  actions?: ReactNode
  /** Uses the whole width of the screen. */
  wide?: boolean
  children?: ReactNode
}

/** A page's frame: heading, actions, content. */
export function Page({ title, heading, subtitle, actions, wide = false, children }: PageProps) {
  useTitle(title)
  return (
    <div className={cx('mx-auto flex flex-col gap-4 px-4 py-4', wide ? 'max-w-[120rem]' : 'max-w-6xl')}>
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h1 className="text-lg wrap-anywhere">{heading ?? title}</h1>
          {subtitle && <div className="text-muted">{subtitle}</div>}
        </div>
        {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  )
}

interface PanelProps {
  title?: ReactNode
  actions?: ReactNode
  /** No padding around the content. */
  flush?: boolean
  className?: string
  children: ReactNode
}

/** A bordered part of a page, with a heading of its own. */
export function Panel({ title, actions, flush = false, className, children }: PanelProps) {
  return (
    <section className={cx('flex min-w-0 flex-col rounded-lg border border-line bg-surface', className)}>
      {title && (
        <div className="flex min-h-10 flex-wrap items-center justify-between gap-2 border-b border-line px-3 py-1">
          <h2 className="text-base">{title}</h2>
          {actions}
        </div>
      )}
      <div className={cx('min-w-0', !flush && 'p-3')}>{children}</div>
    </section>
  )
}

/** Facts as name and value. */
export function Facts({ rows }: { rows: readonly (readonly [ReactNode, ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
      {rows.map(([name, value], index) => (
        <div key={index} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="min-w-0 wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
