import { cx } from './cx'

/** Grey lines in the height of what is to come, so that nothing jumps when it comes. */
export function Skeleton({ lines = 3, height = 'h-5', className }: { lines?: number; height?: string; className?: string }) {
  return (
    <div role="status" className={cx('flex flex-col gap-2', className)}>
      <span className="sr-only">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className={`skeleton ${height} ${index % 3 === 2 ? 'w-2/3' : 'w-full'}`} />
      ))}
    </div>
  )
}
