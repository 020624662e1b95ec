import { useNavigate } from 'react-router'
import { type Repo, useRemoveRepo } from '../../api'
import { ErrorState, RemovalDialog, toast } from '../../ui'
import { isLocal } from './words'

interface RemoveDialogProps {
  repo: Repo
  open: boolean
  onClose: () => void
}

export function RemoveDialog({ repo, open, onClose }: RemoveDialogProps) {
  const remove = useRemoveRepo()
  const navigate = useNavigate()
  const run = () =>
    remove.mutate(repo.id, {
      onSuccess: () => {
        toast(`${repo.full_name} is removed.`)
        void navigate('/repositories')
      },
    })
  return (
    <RemovalDialog open={open} onClose={onClose} title={`Remove ${repo.full_name}?`} verb="Remove" busy={remove.isPending} onRemove={run}>
      <div className="flex flex-col gap-2">
        <p>Its pushes start no pipelines any more, its secrets are removed, and its notebooks may reach no data any more. Its pipelines, models and deployments stay as they are.</p>
        <p className="text-muted">
          {isLocal(repo.full_name)
            ? 'A later push to the local remote registers it again.'
            : 'Take the webhook away on GitHub too, under Settings → Webhooks. You can add the repository again at any time.'}
        </p>
        {remove.isError && <ErrorState error={remove.error} title="The repository was not removed" />}
      </div>
    </RemovalDialog>
  )
}
