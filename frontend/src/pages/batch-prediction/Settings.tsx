import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { BatchPrediction } from '../../api'
import { DISPOSITIONS, REJECTS } from '../../batch/words'
import { tablePath } from '../../tables/name'
import { Facts, formatExact, Panel } from '../../ui'

function TableLink({ name, version }: { name: string; version: number | null }) {
  return (
    <>
      <Link to={tablePath(name, version)} className="link">
        {name}
      </Link>
      {version !== null && `, version ${version}`}
    </>
  )
}

const time = (at: string | null): ReactNode => (at === null ? '–' : <time dateTime={at}>{formatExact(Date.parse(at))}</time>)

/** What was asked for, and what came of it. */
export function BatchSettings({ batch }: { batch: BatchPrediction }) {
  const { model_name, version, environment, output_table, output_version, reject_table, job, created_by } = batch
  return (
    <Panel title="Settings">
      <Facts
        rows={[
          [
            'Model',
            <>
              <Link to={`/models/${encodeURIComponent(model_name)}?version=${version}`} className="link">
                {model_name}
              </Link>
              , version {version}
            </>,
          ],
          ['Environment', environment],
          ['Input', <TableLink name={batch.input_table} version={batch.input_version} />],
          // There may be no such table before the end.
          ['Output', output_version === null ? output_table : <TableLink name={output_table} version={output_version} />],
          ['If it has rows', DISPOSITIONS[batch.write_disposition]],
          ['Rows that can’t be scored', reject_table === null ? REJECTS.stop : `${REJECTS.table}: ${reject_table}`],
          ['Job', job ?? '–'],
          ['Created by', created_by ?? '–'],
          ['Created', time(batch.created_at)],
          ['Started', time(batch.started_at)],
          ['Ended', time(batch.finished_at)],
          ['Identifier', <code className="font-mono text-sm">{batch.id}</code>],
        ]}
      />
    </Panel>
  )
}
