import { Button, chooseTheme, Panel, type ThemeChoice, useBindings, useTheme } from '../../ui'

const themes: readonly { choice: ThemeChoice; name: string }[] = [
  { choice: 'system', name: 'As the system' },
  { choice: 'light', name: 'Light' },
  { choice: 'dark', name: 'Dark' },
]

/** What this browser remembers. */
export function Look() {
  const { choice } = useTheme()
  const help = useBindings().find((binding) => binding.keys === '?')
  return (
    <Panel title="This browser">
      <div className="flex flex-col items-start gap-3">
        <fieldset className="flex flex-wrap gap-x-4 gap-y-1">
          <legend className="pb-1 text-muted">Theme</legend>
          {themes.map((theme) => (
            <label key={theme.choice} className="flex min-h-6 items-center gap-1.5">
              <input type="radio" name="theme" className="accent-(--accent)" checked={choice === theme.choice} onChange={() => chooseTheme(theme.choice)} />
              {theme.name}
            </label>
          ))}
        </fieldset>
        <Button onClick={() => help?.run()}>Keyboard shortcuts</Button>
      </div>
    </Panel>
  )
}
