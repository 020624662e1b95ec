import { useState } from 'react'
import { useParams, useSearchParams } from 'react-router'
import { mayScore, useMe, useTable } from '../../api'
import { BatchDialog } from '../../batch/BatchDialog'
import { Sample } from '../../tables/Sample'
import { Button, CopyButton, ErrorState, Page, Skeleton, Tabs } from '../../ui'
import { versionIn, withTab, withVersion } from './address'
import { Columns } from './Columns'
import { Facts } from './Facts'
import { OlderNotice, VersionChoice } from './VersionChoice'
import { Versions } from './Versions'

const TABS = [
  { key: 'columns', label: 'Columns' },
  { key: 'sample', label: 'Sample' },
  { key: 'versions', label: 'Versions' },
] as const
type Key = (typeof TABS)[number]['key']

export function Component() {
  const { name = '' } = useParams()
  return <TablePage key={name} name={name} />
}

function TablePage({ name }: { name: string }) {
  const [address, setAddress] = useSearchParams()
  const [scoring, setScoring] = useState(false)
  const me = useMe().data
  const newest = useTable(name)
  const wanted = versionIn(address)
  const older = wanted === newest.data?.version ? null : wanted
  const then = useTable(older === null ? null : name, older)
  const shown = older === null ? newest : then
  const table = shown.data
  const tab: Key = TABS.find((one) => one.key === address.get('tab'))?.key ?? 'columns'
  const choose = (version: number | null) => setAddress((old) => withVersion(old, version), { replace: true, preventScrollReset: true })
  // What was written after the version that is looked at is known from the newest one.
  const versions = newest.data?.versions ?? table?.versions ?? []

  return (
    <Page
      title={name}
      heading={
        <span className="flex items-center gap-1">
          <span className="min-w-0 wrap-anywhere">{name}</span>
          <CopyButton text={name} label="Copy the table’s name" />
        </span>
      }
      subtitle={table && <Facts table={table} />}
      actions={
        <>
          {versions.length > 0 && <VersionChoice versions={versions} older={older} onChoose={choose} />}
          {table && mayScore(me) && (
            <Button look="primary" icon="batches" onClick={() => setScoring(true)}>
              Score this table
            </Button>
          )}
        </>
      }
    >
      {older !== null && newest.data && <OlderNotice older={older} newest={newest.data.version} onNewest={() => choose(null)} />}
      {shown.isError && !table ? (
        <ErrorState error={shown.error} title={older === null ? 'The table could not be read' : `Version ${older} could not be read`} onRetry={() => void shown.refetch()} />
      ) : (
        <Tabs label="About the table" tabs={TABS} current={tab} onChange={(key) => setAddress((old) => withTab(old, key === 'columns' ? '' : key), { replace: true, preventScrollReset: true })}>
          {!table ? (
            <Skeleton lines={12} height="h-8" />
          ) : tab === 'sample' ? (
            <Sample name={name} version={table.version} />
          ) : tab === 'versions' ? (
            <Versions versions={versions} shown={table.version} newest={newest.data?.version ?? null} />
          ) : (
            <Columns columns={table.columns} />
          )}
        </Tabs>
      )}
      <BatchDialog open={scoring} onClose={() => setScoring(false)} input={name} />
    </Page>
  )
}
