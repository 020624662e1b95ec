import type { TableVersion } from '../../api'
import { Button, formatRelative, Icon, useNow } from '../../ui'

interface VersionChoiceProps {
  /** Newest first. */
  versions: readonly TableVersion[]
  /** Null: the newest is looked at. */
  older: number | null
  onChoose: (version: number | null) => void
}

/** Which version of the table is looked at. */
export function VersionChoice({ versions, older, onChoose }: VersionChoiceProps) {
  const now = useNow('slow')
  const [newest, ...others] = versions
  const label = ({ version, at }: TableVersion) => (at === null ? `Version ${version}` : `Version ${version}, ${formatRelative(Date.parse(at), now)}`)
  const unlisted = older !== null && !versions.some((one) => one.version === older)
  return (
    <select className="field max-w-60" aria-label="Version" value={older ?? ''} onChange={(event) => onChoose(event.target.value === '' ? null : Number(event.target.value))}>
      <option value="">{newest ? `Version ${newest.version}, the newest` : 'The newest version'}</option>
      {others.map((one) => (
        <option key={one.version} value={one.version}>
          {label(one)}
        </option>
      ))}
      {unlisted && <option value={older}>Version {older}</option>}
    </select>
  )
}

/** Says that what is shown is not how the table is now. */
export function OlderNotice({ older, newest, onNewest }: { older: number; newest: number; onNewest: () => void }) {
  return (
    <div role="status" className="flex flex-wrap items-center gap-2 rounded-lg border border-warning bg-surface p-3">
      <Icon name="clock" className="size-4 text-warning" />
      <p className="min-w-0 flex-1">
        This is the table as it was at version {older}. The newest is version {newest}.
      </p>
      <Button size="small" onClick={onNewest}>
        Show the newest
      </Button>
    </div>
  )
}
