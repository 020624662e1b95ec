/** Grey lines in the height of what is to come, so that nothing jumps when it comes. */
export function Skeleton({ lines = 3, height = 'h-5' }: { lines?: number; height?: string }) {
  return (
    <div role="status" className="flex flex-col gap-2">
      <span className="sr-only">Loading</span>
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} className={`skeleton ${height} ${index % 3 === 2 ? 'w-2/3' : 'w-full'}`} />
      ))}
    </div>
  )
}
