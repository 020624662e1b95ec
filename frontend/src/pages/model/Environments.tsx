import { useState } from 'react'
import { Link } from 'react-router'
import { ENVIRONMENTS, type Environment, type ModelDetail } from '../../api'
import { Button, RelativeTime } from '../../ui'
import { ChangeDialog } from './ChangeDialog'
import { type Change, promotionFrom, rollbackOf } from './promotion'

interface CardProps {
  model: ModelDetail
  environment: Environment
  busy: boolean
  onChange: (change: Change) => void
}

function Card({ model, environment, busy, onChange }: CardProps) {
  const deployment = model.deployments.find((one) => one.environment === environment)
  const promotion = promotionFrom(model, environment)
  const back = rollbackOf(model, environment)
  return (
    <section aria-label={environment} className="flex min-w-0 flex-wrap gap-x-2 gap-y-1 rounded-lg border border-line bg-surface p-3 max-sm:items-baseline sm:flex-col">
      <h2 className="text-sm text-muted max-sm:w-16">{environment}</h2>
      {deployment ? (
        <p className="max-sm:flex max-sm:items-baseline max-sm:gap-2">
          <Link to={`?version=${deployment.version}`} preventScrollReset className="link font-semibold whitespace-nowrap sm:text-lg">
            Version {deployment.version}
          </Link>
          <span className="block text-muted">
            deployed <RelativeTime at={deployment.deployed_at} />
          </span>
        </p>
      ) : (
        <p className="text-muted">Nothing serves here.</p>
      )}
      <div className="flex flex-wrap items-center gap-2 empty:hidden sm:mt-auto sm:pt-1">
        {promotion !== null && typeof promotion !== 'string' && (
          <Button size="small" icon="up" disabled={busy} onClick={() => onChange(promotion)}>
            Promote to {promotion.to}
          </Button>
        )}
        {typeof back !== 'string' && (
          <Button size="small" icon="retry" disabled={busy} onClick={() => onChange(back)}>
            Roll back to {back.version}
          </Button>
        )}
        {deployment && typeof promotion === 'string' && <span className="text-sm text-muted">{promotion}</span>}
      </div>
    </section>
  )
}

/** What serves where since when, and the ways to change it. */
export function Environments({ model }: { model: ModelDetail }) {
  const [change, setChange] = useState<Change | null>(null)
  const [busy, setBusy] = useState(false)
  return (
    <>
      <div className="grid gap-3 sm:grid-cols-3">
        {ENVIRONMENTS.map((environment) => (
          <Card key={environment} model={model} environment={environment} busy={busy} onChange={setChange} />
        ))}
      </div>
      <ChangeDialog model={model} change={change} onClose={() => setChange(null)} onBusy={setBusy} />
    </>
  )
}
