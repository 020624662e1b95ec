import { useState } from 'react'
import { type AllowedData, asProblem, type Repo, useAllowedData, useForbidData } from '../../api'
import { Button, Dialog, ErrorState, Panel, RelativeTime, RemovalDialog, Skeleton, Table, type TableColumn, toast } from '../../ui'
import { DataForm } from './DataForm'
import { accessOf } from './words'

interface Changes {
  onChange: (data: AllowedData) => void
  onForbid: (data: AllowedData) => void
}

const columns = ({ onChange, onForbid }: Changes): readonly TableColumn<AllowedData>[] => [
  { key: 'place', header: 'Dataset or bucket', className: 'wrap-anywhere', cell: (data) => <code className="font-mono text-sm">{data.place}</code> },
  { key: 'access', header: 'May', cell: (data) => accessOf[data.access].word },
  { key: 'by', header: 'Set by', from: 'sm', className: 'wrap-anywhere', cell: (data) => data.set_by },
  { key: 'at', header: 'Set', from: 'sm', cell: (data) => <RelativeTime at={data.set_at} /> },
  {
    key: 'actions',
    header: <span className="sr-only">Change or forbid</span>,
    align: 'right',
    className: 'whitespace-nowrap',
    cell: (data) => (
      <>
        <Button size="small" look="quiet" aria-label={`Change ${data.place}`} onClick={() => onChange(data)}>
          Change
        </Button>
        <Button size="small" look="quiet" aria-label={`Forbid ${data.place}`} onClick={() => onForbid(data)}>
          Forbid
        </Button>
      </>
    ),
  },
]

/** Which tables and files the repository's notebooks may reach, for those who decide that. */
export function DataPanel({ repo }: { repo: Repo }) {
  const query = useAllowedData(repo.id)
  const forbid = useForbidData()
  // `new` is a place that is still to be named.
  const [allowing, setAllowing] = useState<AllowedData | 'new' | null>(null)
  const [forbidding, setForbidding] = useState<AllowedData | null>(null)
  if (query.isError && asProblem(query.error).status === 403) return null
  const items = query.data?.items ?? []
  const present = allowing === 'new' ? null : allowing
  return (
    <Panel
      title="Data"
      actions={
        <Button size="small" onClick={() => setAllowing('new')}>
          Allow data
        </Button>
      }
    >
      {query.isPending ? (
        <Skeleton lines={2} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The data could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length === 0 ? (
        <p className="text-muted">
          None. Datasets and buckets that notebooks reach with <code className="font-mono text-sm">mlsys.bq</code> and <code className="font-mono text-sm">mlsys.gcs</code>
        </p>
      ) : (
        <Table label="Data" rows={items} columns={columns({ onChange: setAllowing, onForbid: setForbidding })} rowKey={(data) => data.place} />
      )}
      <Dialog open={allowing !== null} onClose={() => setAllowing(null)} title={present ? `Change ${present.place}` : 'Allow data'}>
        {allowing && <DataForm repo={repo} present={present} onClose={() => setAllowing(null)} />}
      </Dialog>
      <RemovalDialog
        open={forbidding !== null}
        onClose={() => setForbidding(null)}
        title={`Forbid ${forbidding?.place ?? ''}?`}
        verb="Forbid"
        busy={forbid.isPending}
        onRemove={() =>
          forbidding &&
          forbid.mutate(
            { id: repo.id, place: forbidding.place },
            {
              onSuccess: () => toast(`The notebooks may not reach ${forbidding.place} any more.`),
              onError: (error) => toast(error.message, 'danger'),
              onSettled: () => setForbidding(null),
            },
          )
        }
      >
        <p>Notebooks of {repo.full_name} that ask for it fail, from their next run on. What is there stays as it is.</p>
      </RemovalDialog>
    </Panel>
  )
}
