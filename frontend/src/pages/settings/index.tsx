import { useSettings } from '../../api'
import { ErrorState, Facts, Page, Panel, RelativeTime, Skeleton } from '../../ui'
import { Account } from './Account'
import { Configuration } from './Configuration'
import { Health } from './Health'
import { Look } from './Look'

const modes = {
  embedded: 'One process has everything (mlsys up)',
  distributed: 'Separate processes on PostgreSQL and Redis',
} as const

export function Component() {
  const query = useSettings()
  const settings = query.data
  return (
    <Page title="Settings">
      <div className="grid items-start gap-4 md:grid-cols-3">
        <Health />
        <Panel title="mlsys">
          {settings ? (
            <Facts
              rows={[
                ['Version', settings.version],
                ['Mode', <span title={settings.mode}>{modes[settings.mode]}</span>],
                ['Started', <RelativeTime at={settings.started_at} />],
              ]}
            />
          ) : query.isError ? (
            <p className="text-muted">Not known: the settings could not be loaded.</p>
          ) : (
            <Skeleton lines={3} />
          )}
        </Panel>
        <Look />
      </div>
      <Account />
      {settings ? (
        <Configuration settings={settings.settings} />
      ) : query.isError ? (
        <ErrorState error={query.error} title="The settings could not be loaded" onRetry={() => void query.refetch()} />
      ) : (
        <Skeleton lines={10} height="h-8" />
      )}
    </Page>
  )
}
