import { Link, useSearchParams } from 'react-router'
import { useRepos, type Repo } from '../../api'
import { Button, EmptyState, ErrorState, LoadMore, Page, RelativeTime, Skeleton, Table, type TableColumn } from '../../ui'
import { AddDialog } from './AddDialog'
import { WebhookBadge } from './WebhookPanel'

const columns: readonly TableColumn<Repo>[] = [
  { key: 'name', header: 'Repository', className: 'wrap-anywhere', cell: (repo) => repo.full_name },
  { key: 'branch', header: 'Branches', from: 'md', cell: (repo) => <code className="font-mono text-sm wrap-anywhere">{repo.branch}</code> },
  { key: 'glob', header: 'Notebooks', from: 'lg', cell: (repo) => <code className="font-mono text-sm wrap-anywhere">{repo.notebook_glob}</code> },
  { key: 'webhook', header: 'Webhook', cell: (repo) => <WebhookBadge webhook={repo.webhook} /> },
  {
    key: 'delivery',
    header: 'Last push',
    align: 'right',
    from: 'sm',
    className: 'whitespace-nowrap',
    cell: (repo) => (repo.last_delivery_at ? <RelativeTime at={repo.last_delivery_at} /> : <span className="text-faint">none yet</span>),
  },
  {
    key: 'pipelines',
    header: <span className="sr-only">Pipelines</span>,
    align: 'right',
    from: 'sm',
    // Above the row's own link.
    cell: (repo) => (
      <Link to={`/pipelines?repo=${encodeURIComponent(repo.full_name)}`} className="link relative z-10" aria-label={`Pipelines of ${repo.full_name}`}>
        Pipelines
      </Link>
    ),
  },
]

export function Component() {
  const query = useRepos()
  const [search, setSearch] = useSearchParams()
  const adding = search.has('add')
  const show = (open: boolean) => setSearch(open ? { add: '' } : {}, { replace: true, preventScrollReset: true })
  const rows = query.data?.pages.flatMap((page) => page.items) ?? []
  const add = (
    <Button look="primary" onClick={() => show(true)}>
      Add repository
    </Button>
  )
  return (
    <Page title="Repositories" subtitle="Pushes to them run the tagged notebooks that they change." actions={rows.length > 0 && add}>
      {query.isPending ? (
        <Skeleton lines={6} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The repositories could not be loaded" onRetry={() => void query.refetch()} />
      ) : rows.length === 0 ? (
        <EmptyState title="No repository yet" command="mlsys push" action={add}>
          Push from a working copy: it is registered by itself. Or add one on GitHub.
        </EmptyState>
      ) : (
        <Table label="Repositories" rows={rows} columns={columns} rowKey={(repo) => repo.id} href={(repo) => `/repositories/${repo.id}`} />
      )}
      <LoadMore {...query} />
      <AddDialog open={adding} onClose={() => show(false)} />
    </Page>
  )
}
