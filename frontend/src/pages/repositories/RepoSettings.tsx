import { type FormEvent, useId, useMemo, useState } from 'react'
import { type Repo, useChangeRepo, useRepoCheck } from '../../api'
import { Button, ErrorState, Panel, toast, useSettled } from '../../ui'
import { changeOf, formOf, problemsOf, type RepoForm } from './change'
import { Preview } from './Preview'

const fields: readonly { key: keyof RepoForm; label: string; help: string; placeholder?: string }[] = [
  { key: 'branch', label: 'Branches', help: 'Comma-separated patterns: main, release/*' },
  { key: 'notebook_glob', label: 'Notebooks', help: 'A pattern for their paths: notebooks/**/*.ipynb' },
  { key: 'cpu', label: 'Processors', help: 'Of a pipeline’s pod on Kubernetes: 2 or 500m', placeholder: 'default' },
  { key: 'memory', label: 'Memory', help: 'Of a pipeline’s pod on Kubernetes: 4Gi', placeholder: 'default' },
]

/** Which pushes and notebooks run, with a preview of what the form would find. */
export function RepoSettings({ repo }: { repo: Repo }) {
  const id = useId()
  const [edited, setEdited] = useState<RepoForm | null>(null)
  const form = edited ?? formOf(repo)
  const problems = problemsOf(form)
  const change = changeOf(repo, form)
  const dirty = Object.keys(change).length > 0
  const save = useChangeRepo()

  const { branch, notebook_glob } = form
  const valid = !problems.branch && !problems.notebook_glob
  const wanted = useMemo(() => (valid ? { full_name: repo.full_name, branch, notebook_glob } : null), [valid, repo.full_name, branch, notebook_glob])
  const check = useRepoCheck(useSettled(wanted))

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!dirty || Object.keys(problems).length > 0) return
    save.mutate(
      { id: repo.id, change },
      {
        onSuccess: () => {
          setEdited(null)
          toast('Saved. The next push follows these settings.', 'success')
        },
      },
    )
  }

  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel title="What runs">
        <form onSubmit={submit} className="flex flex-col gap-3">
          <div className="grid gap-3 sm:grid-cols-2">
            {fields.map(({ key, label, help, placeholder }) => (
              <div key={key} className="flex flex-col gap-1">
                <label htmlFor={`${id}-${key}`}>{label}</label>
                <input
                  id={`${id}-${key}`}
                  className="field font-mono"
                  placeholder={placeholder}
                  value={form[key]}
                  onChange={(event) => setEdited({ ...form, [key]: event.target.value })}
                  autoComplete="off"
                  spellCheck={false}
                  aria-invalid={problems[key] !== undefined}
                  aria-describedby={`${id}-${key}-help`}
                />
                <span id={`${id}-${key}-help`} className={problems[key] ? 'text-sm text-danger' : 'text-sm text-muted'}>
                  {problems[key] ?? help}
                </span>
              </div>
            ))}
          </div>
          {save.isError && <ErrorState error={save.error} title="The settings were not saved" />}
          <div className="flex justify-end gap-2">
            {dirty && <Button onClick={() => setEdited(null)}>Undo</Button>}
            <Button type="submit" look="primary" busy={save.isPending} disabled={!dirty || Object.keys(problems).length > 0}>
              Save
            </Button>
          </div>
        </form>
      </Panel>
      <Panel title="Preview">
        <div className="min-h-32">
          <Preview query={check} own={repo.id} />
        </div>
      </Panel>
    </div>
  )
}
