import { useState } from 'react'
import type { Setting } from '../../api'
import { Badge, Button, CopyButton, EmptyState } from '../../ui'
import { filter, group } from './groups'

function Row({ setting }: { setting: Setting }) {
  const { name, value, secret, from, help } = setting
  return (
    <div className="grid gap-x-4 border-b border-line px-3 py-1.5 last:border-0 md:grid-cols-[minmax(0,18rem)_minmax(0,1fr)]">
      <dt className="flex min-h-7 min-w-0 items-center gap-1 self-start">
        <code className="min-w-0 font-mono text-sm wrap-anywhere">{name}</code>
        {from === 'environment' && <Badge tone="accent">Set</Badge>}
      </dt>
      <dd className="min-w-0">
        <span className="flex min-h-7 items-center gap-1">
          {value === null ? (
            <span className="text-faint">not set</span>
          ) : (
            <>
              <code className="min-w-0 font-mono text-sm wrap-anywhere">{value}</code>
              {secret ? <span className="text-faint">hidden</span> : <CopyButton text={value} label={`Copy the value of ${name}`} />}
            </>
          )}
        </span>
        <span className="block text-sm text-muted">{help}</span>
      </dd>
    </div>
  )
}

/** The effective settings, by what they are about. */
export function Configuration({ settings }: { settings: readonly Setting[] }) {
  const [text, setText] = useState('')
  const [onlySet, setOnlySet] = useState(false)
  const groups = group(filter(settings, text, onlySet))
  const reset = () => {
    setText('')
    setOnlySet(false)
  }
  return (
    <section aria-labelledby="configuration" className="flex flex-col gap-3">
      <div>
        <h2 id="configuration" className="text-base">
          Configuration
        </h2>
        <p className="text-muted">
          Set them in the environment or in a <code className="font-mono text-sm">.env</code> file, then start mlsys again. Those marked “Set” come from there; the others are defaults.
        </p>
      </div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <input
          type="search"
          data-search=""
          aria-label="Filter settings"
          placeholder="Filter  ( / )"
          className="field w-full sm:max-w-xs"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <label className="flex items-center gap-1.5">
          <input type="checkbox" className="accent-(--accent)" checked={onlySet} onChange={(event) => setOnlySet(event.target.checked)} />
          Only those that are set
        </label>
      </div>
      {groups.length === 0 && (
        <EmptyState title="No setting fits" action={<Button onClick={reset}>Show all settings</Button>}>
          No name, value or explanation has these words.
        </EmptyState>
      )}
      {groups.map((one) => (
        <section key={one.name} aria-label={one.name} className="rounded-lg border border-line bg-surface">
          <h3 className="border-b border-line px-3 py-1.5 text-sm text-muted">{one.name}</h3>
          <dl>
            {one.settings.map((setting) => (
              <Row key={setting.name} setting={setting} />
            ))}
          </dl>
        </section>
      ))}
    </section>
  )
}
