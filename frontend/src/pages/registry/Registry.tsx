import { useState } from 'react'
import { asProblem, type Environment, mayScan, type Scan, useMe, useScan, useTable } from '../../api'
import { registryTable } from '../../schedules/words'
import { Button, EmptyState, ErrorState, Panel, Skeleton, toast } from '../../ui'
import { Problems } from './Problems'
import { ScanDialog } from './ScanDialog'
import { Summary } from './Summary'
import { Versions } from './Versions'

/** What a scan from this page told that no table keeps. */
export interface Looked {
  at: string
  versions: number
  problems: string[]
}

interface RegistryProps {
  environment: Environment
  looked: Looked | undefined
  onLooked: (looked: Looked) => void
}

function NoTable({ environment, looked, may }: Omit<RegistryProps, 'onLooked'> & { may: boolean }) {
  if (looked?.versions === 0) return <EmptyState title={`No version lies in the bucket of ${environment}`}>There is a table once a scan finds one.</EmptyState>
  return (
    <EmptyState title="No scan yet" command={`mlsys registry scan --env ${environment}`}>
      A scan looks which versions lie in the bucket of {environment}, whoever put them there, and makes a table of them. {may ? '' : 'Operators start it.'}
    </EmptyState>
  )
}

/** What lies in an environment's bucket, as its table says. Loading this looks through no bucket. */
export function Registry({ environment, looked, onLooked }: RegistryProps) {
  const query = useTable(registryTable(environment))
  const look = useScan(environment)
  const scan = useScan(environment)
  const may = mayScan(useMe().data)
  const [scanning, setScanning] = useState(false)
  const missing = query.isError && asProblem(query.error).status === 404
  const table = missing ? undefined : query.data
  const tell = ({ versions, problems }: Scan) => onLooked({ at: new Date().toISOString(), versions: versions.length, problems })
  const begin = () => {
    scan.reset()
    setScanning(true)
    look.mutate(true, { onSuccess: tell })
  }
  const write = () =>
    scan.mutate(false, {
      onSuccess: (found) => {
        tell(found)
        setScanning(false)
        toast(`The table is written: ${found.added.length} new, ${found.changed.length} changed, ${found.removed.length} gone.`, 'success')
      },
    })
  if (query.isError && !missing && !table) return <ErrorState error={query.error} title="The registry could not be read" onRetry={() => void query.refetch()} />
  if (query.isPending) return <Skeleton lines={10} height="h-8" />
  return (
    <div className="flex flex-col gap-4">
      <Summary
        environment={environment}
        table={table ?? null}
        looked={looked}
        actions={
          may && (
            <Button size="small" look="primary" icon="search" onClick={begin}>
              Scan now
            </Button>
          )
        }
      />
      {looked && looked.problems.length > 0 && (
        <Panel title="Problems">
          <p className="pb-2 text-muted">{'They stopped nothing: what lies elsewhere than at {model}/v{N}/model.pkl is left out, and of a metadata.json that can’t be read nothing is taken.'}</p>
          <Problems problems={looked.problems} />
        </Panel>
      )}
      {table ? <Versions environment={environment} table={table} /> : <NoTable environment={environment} looked={looked} may={may} />}
      <ScanDialog environment={environment} open={scanning} onClose={() => setScanning(false)} look={look} onLook={begin} scan={scan} onScan={write} />
    </div>
  )
}
