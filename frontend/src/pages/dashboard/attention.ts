import type { Approval, AttentionPipeline, AttentionRepo, Me, Overview, Readiness } from '../../api'
import { dependencyAdvice, dependencyName } from '../../ui'

export interface Attention {
  key: string
  tone: 'danger' | 'warning'
  title: string
  /** What happened, in the backend's words. */
  detail: string
  /** What a person can do. */
  todo: string
  link: { to: string; label: string }
  at: string | null
}

function dependencies(readiness: Readiness | undefined): Attention[] {
  return Object.entries(readiness?.dependencies ?? {})
    .filter(([, state]) => state !== 'ok')
    .map(([name, state]) => ({
      key: `dependency ${name}`,
      tone: 'danger',
      title: `${dependencyName(name)} is unavailable`,
      detail: state,
      todo: dependencyAdvice(name),
      link: { to: '/settings', label: 'See the dependencies' },
      at: null,
    }))
}

/** What helps after a failure, which depends on the phase. */
function afterFailure(phase: AttentionPipeline['phase']): string {
  if (phase === 'validate') return 'Fix the cells that it names, then push again.'
  if (phase === 'execute') return 'Read its log, fix the notebook and push again. If the notebook is not the cause, retry.'
  return 'Read its log, then retry: it goes on from the failed phase.'
}

function result(one: AttentionPipeline): Attention {
  const common = {
    key: one.id,
    detail: one.detail ?? 'No reason is recorded.',
    link: { to: `/pipelines/${one.id}`, label: 'Open the pipeline' },
    at: one.finished_at,
  }
  if (one.reason === 'failed') {
    const title = `${one.notebook_path} on ${one.branch} fails${one.phase ? ` in ${one.phase}` : ''}`
    return { ...common, tone: 'danger', title, todo: afterFailure(one.phase) }
  }
  const todo = 'Compare its metrics with its gates, then improve the model or change GATES, and push again.'
  return { ...common, tone: 'warning', title: `Version ${one.registry_version} of ${one.model_name} is not deployed`, todo }
}

function webhook(repo: AttentionRepo): Attention {
  return {
    key: `repo ${repo.id}`,
    tone: 'warning',
    title: `No push to ${repo.full_name} has arrived yet`,
    detail: repo.detail,
    todo: 'Check its webhook on GitHub; its page here has the values to paste. Without a webhook, pushes start nothing.',
    link: { to: `/repositories/${repo.id}`, label: 'See what to paste' },
    at: null,
  }
}

/** A promotion that somebody else asked for. */
function approval(one: Approval): Attention {
  return {
    key: `approval ${one.id}`,
    tone: 'warning',
    title: `Version ${one.version} of ${one.model_name} waits for your approval`,
    detail: `${one.asker} asks to promote it to ${one.to}.`,
    todo: 'Compare it with what serves there, then approve or refuse it.',
    link: { to: `/models/${one.model_name}`, label: 'Decide' },
    at: one.asked_at,
  }
}

export interface AttentionSummary {
  /** How much there is, shown or not. */
  total: number
  items: Attention[]
  /** How many of each kind are not among the items. */
  hidden: { pipelines: number; repos: number }
}

/** What needs a person, at most so much of it: the installation and who waits for one first, then failures, then what is held. */
export function attention(overview: Overview, readiness: Readiness | undefined, limit: number, me?: Me): AttentionSummary {
  const { pipelines, repos, approvals, ...counts } = overview.attention
  // Who asked can't approve.
  const mine = me?.may.includes('promote:prod') ? approvals.filter((one) => one.asked_by !== me.person_id) : []
  const down = dependencies(readiness)
  const failed = pipelines.filter((one) => one.reason === 'failed').map(result)
  const held = pipelines.filter((one) => one.reason === 'not_deployed').map(result)
  const first = [...down, ...mine.map(approval)]
  const items = [...first, ...failed, ...repos.map(webhook), ...held].slice(0, Math.max(limit, first.length))
  const shown = new Set(items.map((item) => item.key))
  const shownPipelines = pipelines.filter((one) => shown.has(one.id)).length
  const shownRepos = repos.filter((repo) => shown.has(`repo ${repo.id}`)).length
  return {
    total: first.length + counts.total,
    items,
    hidden: { pipelines: counts.failed + counts.not_deployed - shownPipelines, repos: counts.without_webhook - shownRepos },
  }
}
