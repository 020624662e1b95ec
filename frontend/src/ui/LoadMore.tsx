import { Button } from './Button'
import { formatCount } from './numbers'

interface LoadMoreProps {
  hasNextPage: boolean
  isFetchingNextPage: boolean
  fetchNextPage: () => unknown
  /** How many are shown, and how many there are. */
  shown?: number
  total?: number
}

/** The button under a list that has more; takes what `useInfiniteQuery` gives. */
export function LoadMore({ hasNextPage, isFetchingNextPage, fetchNextPage, shown, total }: LoadMoreProps) {
  if (!hasNextPage) return null
  return (
    <div className="flex flex-wrap items-center justify-center gap-3">
      {shown !== undefined && total !== undefined && (
        <span className="text-muted tabular-nums">
          {formatCount(shown)} of {formatCount(total)}
        </span>
      )}
      <Button busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
        Load more
      </Button>
    </div>
  )
}
