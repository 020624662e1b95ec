import { useCallback } from 'react'
import { Link, useSearchParams } from 'react-router'
import { listed, type Repo, useRepos } from '../../api'
import { Button, EmptyState, ErrorState, LoadMore, Page, plural, RelativeTime, SearchField, Skeleton, Table, type TableColumn } from '../../ui'
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
  const [address, setAddress] = useSearchParams()
  const search = address.get('search') ?? ''
  const needed = address.get('attention') === 'true'
  const query = useRepos({ search: search || undefined, attention: needed || undefined })
  const { items, total } = listed(query.data)
  const adding = address.has('add')
  const show = (open: boolean) => setAddress(open ? { add: '' } : {}, { replace: true, preventScrollReset: true })
  const find = useCallback((text: string) => setAddress(text ? { search: text } : {}, { replace: true, preventScrollReset: true }), [setAddress])
  const none = query.data && total === 0 && search === '' && !needed
  const add = (
    <Button look="primary" onClick={() => show(true)}>
      Add repository
    </Button>
  )
  return (
    <Page title="Repositories" subtitle="Pushes to them run the tagged notebooks that they change." actions={!none && add}>
      {!none && (
        <search className="flex flex-wrap items-center gap-2">
          <SearchField main label="Search repositories by name" placeholder="Search by name" className="w-full sm:max-w-xs" value={search} onChange={find} />
          {needed && (
            <Button look="quiet" icon="cross" onClick={() => find('')}>
              Only those that need attention
            </Button>
          )}
          <span role="status" className="text-muted tabular-nums">
            {query.data && plural(total, 'repository', 'repositories')}
          </span>
        </search>
      )}
      {query.isPending ? (
        <Skeleton lines={6} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The repositories could not be loaded" onRetry={() => void query.refetch()} />
      ) : none ? (
        <EmptyState title="No repository yet" command="mlsys push" action={add}>
          Push from a working copy: its repository is registered automatically. Or add one on GitHub.
        </EmptyState>
      ) : items.length === 0 ? (
        <EmptyState title="No repository matches" action={<Button onClick={() => find('')}>Show all repositories</Button>} />
      ) : (
        <Table label="Repositories" rows={items} columns={columns} rowKey={(repo) => repo.id} href={(repo) => `/repositories/${repo.id}`} />
      )}
      <LoadMore {...query} shown={items.length} total={total} />
      <AddDialog open={adding} onClose={() => show(false)} />
    </Page>
  )
}
