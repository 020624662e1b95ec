import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { newSecret, useInstallWebhook, useRenewSecret, useRepo } from '../../api'
import { Button, ErrorState, Page, Panel, RelativeTime, Skeleton, toast } from '../../ui'
import { DataPanel } from './DataPanel'
import { RemoveDialog } from './RemoveDialog'
import { RepoSettings } from './RepoSettings'
import { SecretsPanel } from './SecretsPanel'
import { WebhookState } from './WebhookPanel'

export function Component() {
  const { id = '' } = useParams()
  const query = useRepo(Number(id))
  const install = useInstallWebhook()
  const renew = useRenewSecret()
  const [removing, setRemoving] = useState(false)
  const repo = query.data
  if (!repo) {
    return (
      <Page title="Repository">
        {query.isError ? <ErrorState error={query.error} title="The repository could not be loaded" onRetry={() => void query.refetch()} /> : <Skeleton lines={10} height="h-8" />}
      </Page>
    )
  }
  const look = () =>
    install.mutate(repo.id, {
      onSuccess: (found) => toast(found.webhook.detail, found.webhook.state === 'installed' ? 'success' : 'warning'),
    })
  return (
    <Page
      title={repo.full_name}
      subtitle={
        <>
          Registered <RelativeTime at={repo.created_at} />
          {' · '}
          {repo.last_delivery_at ? (
            <>
              last push <RelativeTime at={repo.last_delivery_at} />
            </>
          ) : (
            'no push yet'
          )}
          {' · '}
          <Link to={`/pipelines?repo=${encodeURIComponent(repo.full_name)}`} className="link underline">
            Pipelines
          </Link>
        </>
      }
      actions={
        <Button look="danger" onClick={() => setRemoving(true)}>
          Remove
        </Button>
      }
    >
      <RepoSettings key={repo.id} repo={repo} />
      <Panel
        title={repo.webhook.state === 'local' ? 'How pushes come in' : 'Webhook'}
        actions={
          repo.webhook.state !== 'local' && (
            <>
              <Button size="small" busy={renew.isPending} onClick={() => renew.mutate(repo.id)}>
                New secret
              </Button>
              <Button size="small" icon="retry" busy={install.isPending} onClick={look}>
                {repo.webhook.state === 'installed' ? 'Check again' : 'Check again or create'}
              </Button>
            </>
          )
        }
      >
        <WebhookState fullName={repo.full_name} webhook={repo.webhook} secret={newSecret(repo.id)} />
        {renew.isError && (
          <div className="pt-3">
            <ErrorState error={renew.error} title="There is no new secret" />
          </div>
        )}
        {install.isError && (
          <div className="pt-3">
            <ErrorState error={install.error} title="The webhook could not be checked" />
          </div>
        )}
      </Panel>
      <SecretsPanel key={`secrets-${repo.id}`} repo={repo} />
      <DataPanel key={`data-${repo.id}`} repo={repo} />
      <RemoveDialog repo={repo} open={removing} onClose={() => setRemoving(false)} />
    </Page>
  )
}
