import { Icon, plural } from '../../ui'

/** More are only counted. */
const SHOWN = 50

/** What lies in a bucket and can't be registered, and why. */
export function Problems({ problems }: { problems: readonly string[] }) {
  const more = problems.length - Math.min(SHOWN, problems.length)
  return (
    <ul className="flex flex-col gap-1">
      {problems.slice(0, SHOWN).map((problem) => (
        <li key={problem} className="flex items-start gap-1.5 text-sm">
          <Icon name="warning" className="mt-0.5 size-4 text-warning" />
          <span className="min-w-0 wrap-anywhere">{problem}</span>
        </li>
      ))}
      {more > 0 && <li className="text-sm text-muted">and {plural(more, 'more', 'more')}</li>}
    </ul>
  )
}
