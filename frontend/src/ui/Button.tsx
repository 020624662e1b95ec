import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { cx } from './cx'
import { Icon, type IconName } from './Icon'

const looks = {
  primary: 'bg-accent text-accent-ink border-transparent hover:not-disabled:bg-accent-hover',
  plain: 'bg-surface text-ink border-line-strong hover:not-disabled:bg-raised',
  quiet: 'bg-transparent text-muted border-transparent hover:not-disabled:bg-raised hover:not-disabled:text-ink',
  danger: 'bg-surface text-danger border-danger hover:not-disabled:bg-danger-tint',
} as const

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof looks
  icon?: IconName
  /** Shows that it works, and takes no second click. */
  busy?: boolean
  size?: 'normal' | 'small'
  children?: ReactNode
}

/** A button with an icon only needs an `aria-label`; it becomes the tooltip too. */
export function Button({ look = 'plain', icon, busy = false, size = 'normal', className, children, ...rest }: ButtonProps) {
  const sizes = size === 'small' ? 'min-h-7 px-2 text-sm' : 'min-h-8 px-3'
  return (
    <button
      type="button"
      title={children ? undefined : rest['aria-label']}
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={cx(
        'inline-flex items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap disabled:border-line disabled:bg-raised disabled:text-faint aria-pressed:border-accent aria-pressed:bg-accent-tint aria-pressed:text-accent',
        looks[look],
        sizes,
        className,
      )}
    >
      {busy ? <Icon name="run" className="size-4 spin" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  )
}
