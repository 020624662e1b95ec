import type { Webhook } from '../../api'
import { Badge, Command, CopyButton, Facts } from '../../ui'
import { webhookWords } from './words'

export function WebhookBadge({ webhook }: { webhook: Webhook }) {
  const { tone, icon, word } = webhookWords[webhook.state]
  return (
    <Badge tone={tone} icon={icon} title={webhook.detail}>
      {word}
    </Badge>
  )
}

function Value({ text, label }: { text: string; label: string }) {
  return (
    <span className="-my-0.5 flex items-center gap-1">
      <code className="min-w-0 font-mono text-sm wrap-anywhere">{text}</code>
      <CopyButton text={text} label={label} />
    </span>
  )
}

/** What a person pastes on GitHub, field by field as its form has them. */
export function PasteByHand({ fullName, webhook, secret }: { fullName: string; webhook: Webhook; secret?: string }) {
  return (
    <div className="flex flex-col gap-2">
      <p>
        On GitHub, open <strong>Settings → Webhooks → Add webhook</strong> of {fullName} and enter:
      </p>
      <Facts
        rows={[
          ['Payload URL', <Value text={webhook.url} label="Copy the payload URL" />],
          ['Content type', <Value text={webhook.content_type} label="Copy the content type" />],
          ['Secret', secret ? <Value text={secret} label="Copy the secret, which is not shown again" /> : webhook.secret],
          ['Events', webhook.events.length === 1 && webhook.events[0] === 'push' ? 'Just the push event' : webhook.events.join(', ')],
        ]}
      />
    </div>
  )
}

/** How pushes to a local repository come in. */
export function PushLocally() {
  return (
    <div className="flex flex-col gap-2">
      <p>Pushes come in by mlsys’s own git remote, so there is no webhook to add. In your working copy:</p>
      <Command>git push mlsys main</Command>
      <p className="text-muted">
        The remote is not there yet? <code className="font-mono text-sm">mlsys push</code> adds it and pushes.
      </p>
    </div>
  )
}

/** The state of the webhook, and what is left to do. */
export function WebhookState({ fullName, webhook, secret }: { fullName: string; webhook: Webhook; secret?: string }) {
  if (webhook.state === 'local') return <PushLocally />
  return (
    <div className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <WebhookBadge webhook={webhook} />
        <span className="text-muted">{webhook.detail}</span>
      </div>
      {(secret || webhook.state === 'manual' || webhook.state === 'unknown') && <PasteByHand fullName={fullName} webhook={webhook} secret={secret} />}
    </div>
  )
}
