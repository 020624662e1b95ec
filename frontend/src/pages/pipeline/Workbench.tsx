import { useState } from 'react'
import { useLocation } from 'react-router'
import { isActive, type PipelineDetail, useNotebook } from '../../api'
import { LogView } from '../../log/LogView'
import { useLog, useLogVersion } from '../../log/useLog'
import { cellsOf, progressOf } from '../../notebook/cells'
import { NotebookView } from '../../notebook/NotebookView'
import { ViolationList } from '../../notebook/ViolationList'
import { ErrorState, formatCount, Panel, Skeleton, Tabs } from '../../ui'
import { useWide } from './useWide'

const HEIGHT = 'h-[max(24rem,calc(100dvh-9rem))]'

type View = 'notebook' | 'log'

/** Notebook and log: beside each other where there is room, as tabs otherwise. */
export function Workbench({ pipeline }: { pipeline: PipelineDetail }) {
  const active = isActive(pipeline.status)
  const { hash } = useLocation()
  const wide = useWide()
  const [view, setView] = useState<View>(hash.startsWith('#L') ? 'log' : 'notebook')
  const { store, state } = useLog(pipeline.id, active)
  useLogVersion(store)
  const notebook = useNotebook(pipeline.id, active)
  const progress = notebook.data ? progressOf(cellsOf(notebook.data)) : null
  const progressText = progress && progress.total > 0 ? `${progress.done} of ${progress.total} cells` : undefined

  const notebookPanel = (
    <Panel
      flush
      title={wide ? 'Notebook' : undefined}
      actions={wide && progressText ? <span className="text-sm text-muted tabular-nums">{progressText}</span> : undefined}
      className={`${HEIGHT} *:last:flex *:last:min-h-0 *:last:flex-1 *:last:flex-col`}
    >
      {notebook.isPending && (
        <div className="p-3">
          <Skeleton lines={8} />
        </div>
      )}
      {notebook.isError && (
        <div className="p-3">
          <ErrorState error={notebook.error} title="The notebook could not be loaded" onRetry={() => void notebook.refetch()} />
        </div>
      )}
      {notebook.data === null && (
        <div className="flex flex-col gap-3 p-3">
          <p className="text-muted">{active ? 'The notebook appears here as soon as it runs.' : 'The notebook did not run.'}</p>
          <ViolationList violations={store.violations} withCell />
        </div>
      )}
      {notebook.data && <NotebookView key={pipeline.id} id={pipeline.id} notebook={notebook.data} live={active} violations={store.violations} className="flex-1" />}
    </Panel>
  )
  const logPanel = <LogView key={pipeline.id} id={pipeline.id} store={store} state={state} followFirst={active || pipeline.status === 'failed'} className={HEIGHT} />

  if (wide) {
    return (
      <div className="grid grid-cols-2 gap-4">
        {notebookPanel}
        {logPanel}
      </div>
    )
  }
  const tabs = [
    { key: 'notebook', label: 'Notebook', badge: progressText },
    { key: 'log', label: 'Log', badge: formatCount(pipeline.log_lines) },
  ] as const
  return (
    <Tabs<View> tabs={tabs} current={view} onChange={setView} label="Notebook and log">
      {view === 'notebook' ? notebookPanel : logPanel}
    </Tabs>
  )
}
