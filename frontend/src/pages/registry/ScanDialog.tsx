import type { Environment, Scan, useScan } from '../../api'
import { Button, Dialog, ErrorState, plural, Skeleton } from '../../ui'
import { Problems } from './Problems'

/** More are only counted. */
const SHOWN = 20

function Names({ label, names }: { label: string; names: readonly string[] }) {
  if (names.length === 0) return null
  const more = names.length - Math.min(SHOWN, names.length)
  return (
    <section aria-label={label}>
      <h3 className="text-sm text-muted">
        {label}: {names.length}
      </h3>
      <ul>
        {names.slice(0, SHOWN).map((name) => (
          <li key={name} className="font-mono text-sm wrap-anywhere">
            {name}
          </li>
        ))}
        {more > 0 && <li className="text-sm text-muted">and {plural(more, 'more', 'more')}</li>}
      </ul>
    </section>
  )
}

/** Whether the table would be written. */
function changes({ added, changed, removed }: Scan): boolean {
  return added.length + changed.length + removed.length > 0
}

function Found({ scan }: { scan: Scan }) {
  return (
    <div className="flex flex-col gap-3">
      <p>
        {plural(scan.versions.length, 'version')} {scan.versions.length === 1 ? 'lies' : 'lie'} in the bucket.{' '}
        {changes(scan) ? 'Nothing is written yet; this would change in the table:' : 'The table says so already: there is nothing to write.'}
      </p>
      <Names label="New" names={scan.added} />
      <Names label="Changed" names={scan.changed} />
      <Names label="Gone" names={scan.removed} />
      {scan.problems.length > 0 && (
        <section aria-label="Problems" className="flex flex-col gap-1">
          <h3 className="text-sm text-muted">Problems</h3>
          <Problems problems={scan.problems} />
        </section>
      )}
    </div>
  )
}

interface ScanDialogProps {
  environment: Environment
  open: boolean
  onClose: () => void
  /** What is there, and what it would change. */
  look: ReturnType<typeof useScan>
  onLook: () => void
  /** The same, which changes it. */
  scan: ReturnType<typeof useScan>
  onScan: () => void
}

/** Looks through a bucket, shows what that would change, and then has the table say so. */
export function ScanDialog({ environment, open, onClose, look, onLook, scan, onScan }: ScanDialogProps) {
  const found = look.data
  const writes = found !== undefined && changes(found)
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title={`Scan the bucket of ${environment}`}
      actions={
        <>
          <Button onClick={onClose}>{writes ? 'Cancel' : 'Close'}</Button>
          {writes && (
            <Button look="primary" busy={scan.isPending} onClick={onScan}>
              Write the table
            </Button>
          )}
        </>
      }
    >
      <div aria-live="polite" aria-busy={look.isPending} className="flex flex-col gap-3">
        {look.isPending && (
          <>
            <p className="text-muted">Looking what lies there. Large buckets take a while.</p>
            <Skeleton lines={3} />
          </>
        )}
        {look.isError && <ErrorState error={look.error} title="The bucket could not be looked through" onRetry={onLook} />}
        {found && <Found scan={found} />}
        {scan.isError && <ErrorState error={scan.error} title="The table was not written" />}
      </div>
    </Dialog>
  )
}
