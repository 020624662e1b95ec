import { useId } from 'react'
import { listed } from '../api/polling'
import { useRepos } from '../api/repos'
import { TextField } from '../batch/TextField'
import { cx } from '../ui/cx'
import { useSettled } from '../ui/useSettled'
import type { ScheduleDraft, ScheduleProblems } from './form'

/** How many repositories are suggested while one types. */
const SUGGESTED = 20

interface RetrainingFieldsProps {
  draft: ScheduleDraft
  problems: ScheduleProblems
  /** A schedule that there is stays with its repository. */
  isNew: boolean
  onChange: (change: Partial<ScheduleDraft>) => void
}

/** Which notebook runs, with which parameters. */
export function RetrainingFields({ draft, problems, isNew, onChange }: RetrainingFieldsProps) {
  const id = useId()
  const repos = listed(useRepos({ search: useSettled(draft.repo.trim()) || undefined }, SUGGESTED).data).items.map((repo) => repo.full_name)
  return (
    <>
      <div className="grid gap-x-3 gap-y-1 sm:grid-cols-[2fr_1fr]">
        <TextField
          label="Repository"
          value={draft.repo}
          placeholder="owner/name"
          suggestions={isNew ? repos : []}
          problem={problems.repo}
          help={isNew ? 'One that is registered here.' : 'A schedule stays with its repository.'}
          fixed={!isNew}
          onChange={(repo) => onChange({ repo })}
        />
        <TextField label="Branch" value={draft.branch} problem={problems.branch} help="Its newest commit is run." onChange={(branch) => onChange({ branch })} />
      </div>
      <TextField
        label="Notebook"
        value={draft.notebook}
        placeholder="notebooks/train.ipynb"
        problem={problems.notebook}
        help="Its path in the repository."
        onChange={(notebook) => onChange({ notebook })}
      />
      <div className="flex min-w-0 flex-col gap-1">
        <label htmlFor={id}>Parameters</label>
        <textarea
          id={id}
          rows={Math.min(8, Math.max(2, draft.parameters.split('\n').length))}
          className="field font-mono"
          value={draft.parameters}
          placeholder='{"epochs": 20}'
          spellCheck={false}
          aria-invalid={problems.parameters !== undefined}
          aria-describedby={`${id}-help`}
          onChange={(event) => onChange({ parameters: event.target.value })}
        />
        <p id={`${id}-help`} className={cx('text-sm', problems.parameters ? 'text-danger' : 'text-muted')}>
          {problems.parameters ?? 'What the cell tagged “parameters” is overridden with, as a JSON object. Empty: as in the notebook.'}
        </p>
      </div>
    </>
  )
}
