import type { ReactNode } from 'react'
import { asProblem } from '../api/problem'
import { adviceFor } from './advice'
import { Button } from './Button'
import { CopyButton } from './CopyButton'
import { Icon } from './Icon'
import { scrollable } from './scrollable'

/** A command to copy into a terminal. */
export function Command({ children }: { children: string }) {
  return (
    <div className="flex max-w-full items-center gap-1 rounded-md border border-line bg-raised py-0.5 pr-0.5 pl-3">
      <code ref={scrollable} className="min-w-0 flex-1 overflow-x-auto font-mono text-sm whitespace-pre">
        {children}
      </code>
      <CopyButton text={children} label="Copy the command" />
    </div>
  )
}

interface EmptyStateProps {
  title: string
  /** What to do first. */
  children?: ReactNode
  command?: string
  action?: ReactNode
}

export function EmptyState({ title, children, command, action }: EmptyStateProps) {
  return (
    <div className="flex flex-col items-center gap-3 rounded-lg border border-dashed border-line-strong px-4 py-10 text-center">
      <h2 className="text-base">{title}</h2>
      {children && <div className="max-w-prose text-muted">{children}</div>}
      {command && <Command>{command}</Command>}
      {action}
    </div>
  )
}

interface ErrorStateProps {
  error: unknown
  /** What could not be done: `The pipelines could not be loaded`. */
  title?: string
  onRetry?: () => void
}

/** What happened, what to do, and the request's id for whoever reads the server's log. */
export function ErrorState({ error, title, onRetry }: ErrorStateProps) {
  const problem = asProblem(error)
  return (
    <div role="alert" className="flex flex-col items-start gap-2 rounded-lg border border-danger bg-danger-tint p-4">
      <div className="flex items-center gap-2 font-medium text-danger">
        <Icon name="warning" />
        {title ?? problem.title}
      </div>
      <p className="wrap-anywhere">{problem.detail}</p>
      <p className="text-muted">{adviceFor(problem)}</p>
      {problem.requestId && (
        <p className="flex items-center gap-1 text-sm text-muted">
          Request <code className="font-mono">{problem.requestId}</code>
          <CopyButton text={problem.requestId} label="Copy the request's id" />
        </p>
      )}
      {onRetry && (
        <Button icon="retry" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  )
}
