import { useState } from 'react'
import { type ApiKey, useApiKeys, useRevokeKey } from '../../api'
import { Button, EmptyState, ErrorState, grantText, LoadMore, Page, RelativeTime, RemovalDialog, Skeleton, Table, type TableColumn, toast } from '../../ui'
import { MakeDialog } from './MakeDialog'

/** Whether a key lets nobody in any more. */
function isOver(key: ApiKey): boolean {
  return key.revoked_at !== null || (key.expires_at !== null && Date.parse(key.expires_at) <= Date.now())
}

const columns = (revoke: (key: ApiKey) => void): readonly TableColumn<ApiKey>[] => [
  { key: 'name', header: 'Name', className: 'wrap-anywhere', cell: (key) => key.name },
  { key: 'prefix', header: 'Begins with', cell: (key) => <code className="font-mono text-sm">{key.prefix}…</code> },
  { key: 'may', header: 'May', from: 'sm', className: 'wrap-anywhere', cell: (key) => key.grants.map(grantText).join(', ') },
  { key: 'by', header: 'Made by', from: 'lg', cell: (key) => key.made_by },
  { key: 'used', header: 'Last used', from: 'md', cell: (key) => (key.last_used_at ? <RelativeTime at={key.last_used_at} /> : <span className="text-faint">never</span>) },
  {
    key: 'state',
    header: <span className="sr-only">Revoke</span>,
    align: 'right',
    cell: (key) =>
      isOver(key) ? (
        <span className="text-faint">{key.revoked_at ? 'revoked' : 'expired'}</span>
      ) : (
        <Button size="small" look="quiet" aria-label={`Revoke ${key.name}`} onClick={() => revoke(key)}>
          Revoke
        </Button>
      ),
  },
]

export function Component() {
  const query = useApiKeys()
  const revoke = useRevokeKey()
  const [making, setMaking] = useState(false)
  const [revoking, setRevoking] = useState<ApiKey | null>(null)
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const make = (
    <Button look="primary" onClick={() => setMaking(true)}>
      Make a key
    </Button>
  )
  const none = query.data && items.length === 0
  return (
    <Page title="Keys" subtitle="What programs show to mlsys, as Authorization: Bearer …" actions={!none && make}>
      {query.isPending ? (
        <Skeleton lines={4} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The keys could not be loaded" onRetry={() => void query.refetch()} />
      ) : none ? (
        <EmptyState title="No key yet" command="mlsys keys create NAME --role predictor" action={make}>
          An application that predicts in production needs one; so does whoever uses mlsys’s API from a script.
        </EmptyState>
      ) : (
        <Table label="Keys" rows={items} columns={columns(setRevoking)} rowKey={(key) => key.id} />
      )}
      <LoadMore {...query} />
      <MakeDialog open={making} onClose={() => setMaking(false)} />
      <RemovalDialog
        open={revoking !== null}
        onClose={() => setRevoking(null)}
        title={`Revoke ${revoking?.name ?? ''}?`}
        verb="Revoke"
        busy={revoke.isPending}
        onRemove={() =>
          revoking &&
          revoke.mutate(revoking.id, {
            onSuccess: () => toast('The key is revoked.'),
            onError: (error) => toast(error.message, 'danger'),
            onSettled: () => setRevoking(null),
          })
        }
      >
        <p>Whatever shows it is refused from now on. A revoked key can’t be brought back.</p>
      </RemovalDialog>
    </Page>
  )
}
