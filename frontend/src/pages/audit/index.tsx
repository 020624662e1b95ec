import { useCallback } from 'react'
import { useSearchParams } from 'react-router'
import { type AuditEntry, auditTable, useAudit } from '../../api'
import { EmptyState, ErrorState, LoadMore, Page, RelativeTime, SearchField, Skeleton, Table, type TableColumn } from '../../ui'

/** What is written down, as the API names it. */
const ACTIONS = ['sign_in', 'account', 'run', 'cancel', 'retry', 'promote', 'roll_back', 'repositories', 'people', 'keys'] as const

function Change({ entry }: { entry: AuditEntry }) {
  const { before, after } = entry
  if (before === null && after === null) return null
  return (
    <span className="text-muted wrap-anywhere">
      {before}
      {before !== null && after !== null && ' → '}
      {after}
    </span>
  )
}

const columns: readonly TableColumn<AuditEntry>[] = [
  { key: 'at', header: 'When', className: 'whitespace-nowrap', cell: (entry) => <RelativeTime at={entry.at} /> },
  { key: 'actor', header: 'Who', className: 'wrap-anywhere', cell: (entry) => entry.actor },
  { key: 'address', header: 'From', from: 'xl', cell: (entry) => <code className="font-mono text-sm">{entry.address}</code> },
  { key: 'action', header: 'What', from: 'sm', cell: (entry) => entry.action.replaceAll('_', ' ') },
  { key: 'object', header: 'With', className: 'wrap-anywhere', cell: (entry) => entry.object },
  { key: 'change', header: 'Change', from: 'lg', cell: (entry) => <Change entry={entry} /> },
  { key: 'result', header: 'Result', from: 'md', cell: (entry) => <span className={entry.result === 'done' ? undefined : 'text-danger'}>{entry.result}</span> },
]

export function Component() {
  const [address, setAddress] = useSearchParams()
  const actor = address.get('actor') ?? ''
  const action = address.get('action') ?? ''
  const filter = { actor: actor || undefined, action: action || undefined }
  const query = useAudit(filter)
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const set = useCallback(
    (name: string, value: string) =>
      setAddress(
        (before) => {
          const after = new URLSearchParams(before)
          if (value) after.set(name, value)
          else after.delete(name)
          return after
        },
        { replace: true, preventScrollReset: true },
      ),
    [setAddress],
  )
  const find = useCallback((text: string) => set('actor', text), [set])
  const table = (
    <a href={auditTable(filter)} download="mlsys-audit.csv" className="link self-center">
      Save as CSV
    </a>
  )
  return (
    <Page title="Audit log" subtitle="Who changed what, newest first." actions={table}>
      <search className="flex flex-wrap items-center gap-2">
        <SearchField main label="Only what one person or key did" placeholder="Who, in full" className="w-full sm:max-w-xs" value={actor} onChange={find} />
        <select className="field" aria-label="Only one kind of change" value={action} onChange={(event) => set('action', event.target.value)}>
          <option value="">every change</option>
          {ACTIONS.map((one) => (
            <option key={one} value={one}>
              {one.replaceAll('_', ' ')}
            </option>
          ))}
        </select>
      </search>
      {query.isPending ? (
        <Skeleton lines={6} height="h-8" />
      ) : query.isError && !query.data ? (
        <ErrorState error={query.error} title="The audit log could not be loaded" onRetry={() => void query.refetch()} />
      ) : items.length === 0 ? (
        <EmptyState title={actor || action ? 'Nothing matches' : 'Nothing was changed yet'} />
      ) : (
        <Table label="Audit log" rows={items} columns={columns} rowKey={(entry) => entry.id} />
      )}
      <LoadMore {...query} />
    </Page>
  )
}
