import { Link, useNavigate } from 'react-router'
import { useMe, useSignOut } from '../../api'
import { Button, grantText, Panel, Skeleton, toast } from '../../ui'

/** Who one is, what one may, and the way out. */
export function Account() {
  const { data: me } = useMe()
  const signOut = useSignOut()
  const navigate = useNavigate()
  const may = (action: string) => me?.may.includes(action) ?? false
  const leave = () =>
    signOut.mutate(undefined, {
      onSuccess: () => void navigate('/sign-in', { replace: true }),
      onError: (error) => toast(error.message, 'danger'),
    })
  return (
    <Panel
      title="You"
      actions={
        me?.session_id && (
          <Button busy={signOut.isPending} onClick={leave}>
            Sign out
          </Button>
        )
      }
    >
      {me ? (
        <div className="flex flex-wrap items-baseline justify-between gap-x-6 gap-y-2">
          <p>
            Signed in as <strong>{me.name}</strong>: {me.grants.length === 0 ? 'nothing is allowed' : me.grants.map(grantText).join(', ')}
          </p>
          <nav aria-label="Access" className="flex flex-wrap gap-4">
            {may('keys') && (
              <Link to="/keys" className="link">
                Keys
              </Link>
            )}
            {may('people') && (
              <Link to="/people" className="link">
                People
              </Link>
            )}
            {may('audit') && (
              <Link to="/audit" className="link">
                Audit log
              </Link>
            )}
          </nav>
        </div>
      ) : (
        <Skeleton lines={1} />
      )}
    </Panel>
  )
}
