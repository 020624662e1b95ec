import type { Repo, RepoChange } from '../../api'

export interface RepoForm {
  branch: string
  notebook_glob: string
  cpu: string
  memory: string
}

export function formOf(repo: Repo): RepoForm {
  return { branch: repo.branch, notebook_glob: repo.notebook_glob, cpu: repo.cpu ?? '', memory: repo.memory ?? '' }
}

// A Kubernetes quantity: 500m, 2, 1.5, 4Gi.
const QUANTITY = /^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/

/** What is wrong with a field, in words. */
export function problemsOf(form: RepoForm): Partial<Record<keyof RepoForm, string>> {
  const problems: Partial<Record<keyof RepoForm, string>> = {}
  if (form.branch.trim() === '') problems.branch = 'Name a branch; * takes all of them.'
  if (form.notebook_glob.trim() === '') problems.notebook_glob = 'Write a pattern; **/*.ipynb takes all notebooks.'
  if (form.cpu.trim() !== '' && !QUANTITY.test(form.cpu.trim())) problems.cpu = 'Write processors as 2, 0.5 or 500m.'
  if (form.memory.trim() !== '' && !QUANTITY.test(form.memory.trim())) problems.memory = 'Write memory as 4Gi or 512Mi.'
  return problems
}

/** Only what differs from the repository; empty resources go back to the installation's default. */
export function changeOf(repo: Repo, form: RepoForm): RepoChange {
  const change: RepoChange = {}
  if (form.branch.trim() !== repo.branch) change.branch = form.branch.trim()
  if (form.notebook_glob.trim() !== repo.notebook_glob) change.notebook_glob = form.notebook_glob.trim()
  if ((form.cpu.trim() || null) !== repo.cpu) change.cpu = form.cpu.trim() || null
  if ((form.memory.trim() || null) !== repo.memory) change.memory = form.memory.trim() || null
  return change
}
