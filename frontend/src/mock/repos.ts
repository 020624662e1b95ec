import type { Repo, RepoCheck, Webhook } from '../api/types'

const origin = 'https://mlsys.example.org'

export function webhook(state: Webhook['state']): Webhook {
  const detail = {
    local: 'Pushes come in by mlsys’s own git remote: nothing to set up.',
    installed: 'GitHub sends pushes to this address.',
    addable: 'There is none yet. mlsys adds it with the repository.',
    manual: 'The token may not add webhooks. Add it in the repository’s settings.',
    unknown: 'GitHub could not be asked.',
  }[state]
  return {
    state,
    detail,
    url: `${origin}/webhook/github`,
    content_type: 'application/json',
    events: ['push'],
    secret: 'The value of GITHUB_WEBHOOK_SECRET in the environment of the backend.',
  }
}

const HOUR = 3_600_000

export function makeRepos(now: number): Repo[] {
  const repo = (id: number, full_name: string, state: Webhook['state'], hours: number | null): Repo => ({
    id,
    full_name,
    branch: state === 'local' ? '*' : 'main,release/*',
    notebook_glob: '**/*.ipynb',
    cpu: id === 3 ? '4' : null,
    memory: id === 3 ? '8Gi' : null,
    created_at: new Date(now - 40 * 24 * HOUR).toISOString(),
    last_delivery_at: hours === null ? null : new Date(now - hours * HOUR).toISOString(),
    webhook: webhook(state),
  })
  return [
    repo(1, 'local/titanic', 'local', 0.01),
    repo(2, 'local/iris', 'local', 9),
    repo(3, 'acme/pricing', 'installed', 1.5),
    repo(4, 'acme/churn', 'manual', null),
    repo(5, 'acme/research', 'unknown', null),
  ]
}

export function checkRepo(fullName: string, branch: string, registered: Repo | undefined): RepoCheck {
  const missing = fullName.includes('missing')
  return {
    full_name: fullName,
    access: missing ? 'not_found' : 'ok',
    detail: missing ? 'There is no such repository, or the token may not see it.' : 'The repository can be read.',
    private: missing ? null : true,
    default_branch: missing ? null : 'main',
    branches: missing ? [] : ['main', 'release/1'].filter((name) => branch.split(',').some((glob) => name.startsWith(glob.replace(/\*.*$/, '')))),
    notebooks: missing ? [] : ['notebooks/house-price-regression.ipynb', 'notebooks/demand.ipynb', 'scratch/plots.ipynb'],
    notebooks_total: missing ? 0 : 3,
    registered_id: registered?.id ?? null,
    webhook: webhook(fullName.startsWith('local/') ? 'local' : 'manual'),
  }
}
