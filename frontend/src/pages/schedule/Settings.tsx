import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { Schedule } from '../../api'
import { DISPOSITIONS, REJECTS } from '../../batch/words'
import { KIND_WORDS, MISFIRE_WORDS, OVERLAP_WORDS, registryTable, sourceText } from '../../schedules/words'
import { type WholeWork, wholeWork } from '../../schedules/work'
import { tablePath } from '../../tables/name'
import { Facts, Panel, RelativeTime } from '../../ui'

type Row = readonly [ReactNode, ReactNode]

function TableLink({ name }: { name: string }) {
  return (
    <Link to={tablePath(name)} className="link">
      {name}
    </Link>
  )
}

function workRows(work: WholeWork): Row[] {
  if (work.kind === 'retention') return [['Removes', 'what the RETENTION_* settings no longer keep']]
  if (work.kind === 'registry_scan') {
    return [
      ['Environment', work.environment],
      // There may be no such table before the first firing.
      ['Writes', registryTable(work.environment)],
    ]
  }
  if (work.kind === 'retraining') {
    const { repo, branch, notebook_path, parameters } = work
    const given = Object.entries(parameters)
    return [
      ['Notebook', notebook_path],
      [
        'Repository',
        <Link to={`/pipelines?${new URLSearchParams({ repo, branch })}`} className="link">
          {repo}, {branch}
        </Link>,
      ],
      [
        'Parameters',
        given.length === 0 ? (
          'as in the notebook'
        ) : (
          <ul>
            {given.map(([name, value]) => (
              <li key={name}>
                <code className="font-mono text-sm">{`${name} = ${JSON.stringify(value)}`}</code>
              </li>
            ))}
          </ul>
        ),
      ],
    ]
  }
  const { model_name, version, environment, input_table, output_table, write_disposition, id_columns, on_reject } = work
  return [
    [
      'Model',
      <>
        <Link to={`/models/${encodeURIComponent(model_name)}`} className="link underline">
          {model_name}
        </Link>
        {version === null ? `, as it is deployed to ${environment} when it fires` : `, version ${version}, in ${environment}`}
      </>,
    ],
    ['Input', <TableLink name={input_table} />],
    // There may be no such table before the first firing.
    ['Output', output_table],
    ['If it has rows', DISPOSITIONS[write_disposition]],
    ['Columns', id_columns === null ? 'all of the input, and the prediction' : `${id_columns.join(', ')}, and the prediction`],
    ['Rejects', REJECTS[on_reject]],
  ]
}

/** What the schedule does and when. */
export function ScheduleSettings({ schedule }: { schedule: Schedule }) {
  const { work, cron, time_zone, description, overlap, misfire, created_at, created_by, changed_at, source } = schedule
  return (
    <Panel title="Settings">
      <Facts
        rows={[
          ['Kind', KIND_WORDS[work.kind].word],
          ...workRows(wholeWork(work)),
          ['When', description],
          ['Cron pattern', <code className="font-mono text-sm">{cron}</code>],
          ['Time zone', time_zone],
          ['Overlap', OVERLAP_WORDS[overlap].means],
          ['Missed', MISFIRE_WORDS[misfire].means],
          [
            'Created',
            <>
              <RelativeTime at={created_at} />
              {created_by !== null && ` by ${created_by}`}
            </>,
          ],
          ['Changed', <RelativeTime at={changed_at} />],
          ...(source === null ? [] : [['Declared by', sourceText(source)] as const]),
        ]}
      />
    </Panel>
  )
}
