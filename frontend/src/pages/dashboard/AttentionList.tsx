import { Link } from 'react-router'
import { cx, Icon, plural, RelativeTime } from '../../ui'
import type { AttentionSummary } from './attention'

/** What needs a person, each with what to do. */
export function AttentionList({ items, hidden }: AttentionSummary) {
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
        {items.map((item) => (
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
              <p className="line-clamp-3 text-muted wrap-anywhere">{item.detail}</p>
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
      {hidden.pipelines + hidden.repos > 0 && (
        <p className="flex flex-wrap gap-x-4 border-t border-line px-3 py-2">
          {hidden.pipelines > 0 && (
            <Link to="/pipelines?attention=true" className="link">
              {plural(hidden.pipelines, 'more pipeline')}
            </Link>
          )}
          {hidden.repos > 0 && (
            <Link to="/repositories?attention=true" className="link">
              {plural(hidden.repos, 'more repository', 'more repositories')}
            </Link>
          )}
        </p>
      )}
    </>
  )
}
