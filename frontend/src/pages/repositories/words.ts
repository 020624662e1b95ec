import type { DataAccess, RepoCheck, Webhook } from '../../api'
import type { IconName, Tone } from '../../ui'

export interface Words {
  tone: Tone
  icon: IconName
  word: string
}

export const webhookWords: Record<Webhook['state'], Words> = {
  local: { tone: 'neutral', icon: 'check', word: 'None needed' },
  installed: { tone: 'success', icon: 'check', word: 'Installed' },
  addable: { tone: 'neutral', icon: 'info', word: 'Not there yet' },
  manual: { tone: 'warning', icon: 'warning', word: 'Add by hand' },
  unknown: { tone: 'neutral', icon: 'info', word: 'Not known' },
}

export const accessWords: Record<RepoCheck['access'], Words & { todo: string | null }> = {
  ok: { tone: 'success', icon: 'check', word: 'mlsys can read it', todo: null },
  not_found: { tone: 'danger', icon: 'cross', word: 'Not found', todo: 'Check the spelling. A private repository needs a GITHUB_TOKEN that may read it.' },
  forbidden: { tone: 'danger', icon: 'cross', word: 'Not allowed', todo: 'Give GITHUB_TOKEN the right to read this repository’s contents, then start mlsys again.' },
  unreachable: { tone: 'warning', icon: 'warning', word: 'GitHub does not answer', todo: 'Check the network and GITHUB_API_URL. You can register the repository all the same.' },
}

/** What notebooks may do with a dataset or a bucket. */
export const accessOf: Record<DataAccess, { word: string; means: string }> = {
  read: { word: 'Read', means: 'Tables and files there are read, and nothing is changed.' },
  write: { word: 'Read and write', means: 'Tables and files there are read, written and replaced.' },
}

/** A repository of mlsys's own git remote; pushes to it need no webhook. */
export function isLocal(fullName: string): boolean {
  return fullName.startsWith('local/')
}
