import { useState } from 'react'
import { type Person, usePeople } from '../../api'
import { Button, EmptyState, ErrorState, grantText, LoadMore, Page, RelativeTime, Skeleton, Table, type TableColumn } from '../../ui'
import { InviteDialog } from './InviteDialog'
import { PersonDialog } from './PersonDialog'

function state(person: Person): string {
  if (person.disabled) return 'may not sign in'
  if (person.from_issuer) return 'signs in with the issuer'
  return person.has_password ? '' : 'no password'
}

const columns = (change: (person: Person) => void): readonly TableColumn<Person>[] => [
  { key: 'login', header: 'Login', className: 'wrap-anywhere', cell: (person) => person.login },
  { key: 'name', header: 'Name', from: 'sm', className: 'wrap-anywhere', cell: (person) => person.name },
  { key: 'may', header: 'May', className: 'wrap-anywhere', cell: (person) => person.grants.map(grantText).join(', ') || <span className="text-faint">nothing</span> },
  { key: 'state', header: 'State', from: 'md', cell: (person) => <span className="text-muted">{state(person)}</span> },
  { key: 'since', header: 'Since', from: 'lg', cell: (person) => <RelativeTime at={person.created_at} /> },
  {
    key: 'change',
    header: <span className="sr-only">Change</span>,
    align: 'right',
    cell: (person) => (
      <Button size="small" look="quiet" aria-label={`Change ${person.login}`} onClick={() => change(person)}>
        Change
      </Button>
    ),
  },
]

export function Component() {
  const query = usePeople()
  const [inviting, setInviting] = useState(false)
  const [changing, setChanging] = useState<Person | null>(null)
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const invite = (
    <Button look="primary" onClick={() => setInviting(true)}>
      Invite somebody
    </Button>
  )
  return (
    <Page title="People" subtitle="Who may sign in, and what they may." actions={invite}>
      {query.isPending ? (
        <Skeleton lines={4} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The people could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length === 0 ? (
        <EmptyState title="Nobody yet">An invitation is an address at which somebody chooses a password.</EmptyState>
      ) : (
        <Table label="People" rows={items} columns={columns(setChanging)} rowKey={(person) => person.id} />
      )}
      <LoadMore {...query} />
      <InviteDialog open={inviting} onClose={() => setInviting(false)} />
      <PersonDialog key={changing?.id} person={changing} onClose={() => setChanging(null)} />
    </Page>
  )
}
