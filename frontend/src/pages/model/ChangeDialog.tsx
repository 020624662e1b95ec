import { type Approval, type DeploymentChange, type ModelDetail, usePromote, useRollback } from '../../api'
import { Comparison } from './Comparison'
import { Decision } from './Decision'
import { type Change, isStale, needsWord } from './promotion'

interface ChangeDialogProps {
  model: ModelDetail
  /** Null while no change is being decided on. */
  change: Change | null
  onClose: () => void
  onBusy: (busy: boolean) => void
}

function titleOf(change: Change): string {
  return change.kind === 'promote' ? `Promote version ${change.version} to ${change.to}` : `Roll back ${change.to} to version ${change.version}`
}

/** What is said of a promotion that was made, or that waits for a second person. */
function said(made: DeploymentChange | Approval): string {
  return 'state' in made ? `Version ${made.version} waits until somebody else approves it for ${made.to}.` : made.detail
}

/** Says what a promotion or roll back will change, and makes it. */
export function ChangeDialog({ model, change, onClose, onBusy }: ChangeDialogProps) {
  const promote = usePromote(model.name)
  const rollback = useRollback(model.name)
  const make = async (confirm: { confirm?: string }): Promise<string> => {
    if (change?.kind === 'promote') return said(await promote.mutateAsync({ version: change.version, from: change.from, to: change.to, ...confirm }))
    return change ? said(await rollback.mutateAsync({ environment: change.to, ...confirm })) : ''
  }
  return (
    <Decision
      title={change && titleOf(change)}
      action={change?.kind === 'promote' ? `Promote to ${change.to}` : 'Roll back'}
      production={change !== null && needsWord(change)}
      stale={change !== null && isStale(change, model)}
      make={make}
      onClose={onClose}
      onBusy={onBusy}
    >
      {change && (
        <>
          <Comparison name={model.name} change={change} />
          <p className="text-muted">
            {change.kind === 'promote'
              ? 'The very same bytes are copied, their digest is checked, the alias is moved and the model is self-tested; if any step fails, nothing changes.'
              : 'The earlier version’s bytes are taken again, their digest is checked, the alias is moved and the model is self-tested; if any step fails, nothing changes.'}
          </p>
        </>
      )}
    </Decision>
  )
}
