import type { BatchPreview } from '../api/types'
import { formatBytes, plural } from '../ui/numbers'
import { Facts } from '../ui/Page'

/** What a batch prediction would do. */
export function Preview({ preview, output }: { preview: BatchPreview; output: string }) {
  const { model_name, version, input_table, input_version, rows, bytes, shards, output_columns } = preview
  return (
    <section aria-label="What would be done" className="flex flex-col gap-2 rounded-md border border-line bg-canvas p-3">
      <Facts
        rows={[
          ['Scores', `${rows === null ? 'the rows' : plural(rows, 'row')} (${formatBytes(bytes)}) of ${input_table}, version ${input_version}`],
          ['With', `${model_name}, version ${version}`],
          ['In', plural(shards, 'shard')],
          ['Writes', output],
          [
            'Columns',
            <ul className="flex max-h-40 flex-wrap gap-x-4 gap-y-1 overflow-y-auto">
              {output_columns.map((column) => (
                <li key={column.name}>
                  <code className="font-mono text-sm">{column.name}</code> <span className="text-sm text-muted">{column.type}</span>
                </li>
              ))}
            </ul>,
          ],
        ]}
      />
    </section>
  )
}
