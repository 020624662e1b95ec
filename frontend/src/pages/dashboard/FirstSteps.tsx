import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { Command, Panel } from '../../ui'

const tags = [
  ['mlops:config', 'sets MODEL_NAME and VERSION'],
  ['mlops:preprocessing', 'makes the model’s inputs'],
  ['mlops:training', 'fits the model'],
  ['mlops:export', 'writes it to MODEL_OUTPUT_PATH'],
] as const

function Step({ number, title, children }: { number: number; title: string; children: ReactNode }) {
  return (
    <li className="flex gap-3">
      <span aria-hidden="true" className="flex size-6 shrink-0 items-center justify-center rounded-full bg-accent-tint text-sm font-semibold text-accent">
        {number}
      </span>
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <h3>{title}</h3>
        {children}
      </div>
    </li>
  )
}

/** What a fresh installation shows: how the first notebook becomes a model. */
export function FirstSteps() {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[3fr_2fr]">
      <Panel title="Push your first notebook">
        <ol className="flex flex-col gap-5">
          <Step number={1} title="Tag the notebook’s cells">
            <p className="text-muted">In JupyterLab: the gear at the upper right, Cell Tags. In VS Code: the cell’s … menu, Add Cell Tag.</p>
            <dl className="grid gap-x-4 gap-y-1 sm:grid-cols-[auto_minmax(0,1fr)]">
              {tags.map(([tag, does]) => (
                <div key={tag} className="contents">
                  <dt>
                    <code className="font-mono text-sm">{tag}</code>
                  </dt>
                  <dd className="text-muted wrap-anywhere max-sm:pb-1">{does}</dd>
                </div>
              ))}
            </dl>
            <p className="text-muted">End the export cell with:</p>
            <Command>joblib.dump(model, MODEL_OUTPUT_PATH)</Command>
          </Step>
          <Step number={2} title="Check it, without running anything">
            <Command>mlsys validate my-notebook.ipynb</Command>
          </Step>
          <Step number={3} title="Commit, and push from its repository">
            <Command>mlsys push</Command>
            <p className="text-muted">
              This gives the repository the remote <code className="font-mono text-sm">mlsys</code>. From then on <code className="font-mono text-sm">git push mlsys main</code> does the same. The
              pipeline appears here by itself.
            </p>
          </Step>
        </ol>
      </Panel>
      <Panel title="Or from GitHub">
        <div className="flex flex-col items-start gap-3">
          <p className="text-muted">Register a repository: each push to it runs the tagged notebooks that it changed.</p>
          <Link to="/repositories?add=" className="inline-flex min-h-8 items-center rounded-md bg-accent px-3 font-medium text-accent-ink hover:bg-accent-hover">
            Add a repository
          </Link>
        </div>
      </Panel>
    </div>
  )
}
