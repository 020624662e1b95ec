import { useState } from 'react'
import { Link } from 'react-router'
import { Button, cx, Icon, plural, RelativeTime } from '../../ui'
import type { Attention } from './attention'

const SHOWN = 4

/** What needs a person, each with what to do. */
export function AttentionList({ items }: { items: readonly Attention[] }) {
  const [all, setAll] = useState(false)
  const shown = all ? items : items.slice(0, SHOWN)
  if (items.length === 0) {
    return (
      <p className="flex items-center gap-2 p-3 text-muted">
        <Icon name="check" className="size-4 text-success" />
        Nothing needs you.
      </p>
    )
  }
  return (
    <>
      <ul>
        {shown.map((item) => (
          <li key={item.key} className="flex gap-2 border-b border-line px-3 py-2 last:border-0">
            <span className={cx('pt-0.5', item.tone === 'danger' ? 'text-danger' : 'text-warning')}>
              <Icon name={item.tone === 'danger' ? 'cross' : 'warning'} />
            </span>
            <div className="min-w-0 flex-1">
              <p className="font-medium wrap-anywhere">
                {item.title}
                {item.at && (
                  <span className="pl-2 font-normal whitespace-nowrap text-muted">
                    <RelativeTime at={item.at} />
                  </span>
                )}
              </p>
              <p className="text-muted wrap-anywhere">{item.detail}</p>
              <p>
                {item.todo}{' '}
                <Link to={item.link.to} className="link whitespace-nowrap underline">
                  {item.link.label}
                </Link>
              </p>
            </div>
          </li>
        ))}
      </ul>
      {items.length > SHOWN && (
        <Button look="quiet" size="small" className="m-1" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Fewer' : plural(items.length - SHOWN, 'more', 'more')}
        </Button>
      )}
    </>
  )
}
