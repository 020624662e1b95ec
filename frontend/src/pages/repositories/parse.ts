export type ParsedRepo = { fullName: string } | { problem: string }

const PART = /^[A-Za-z0-9._-]{1,100}$/
const isPart = (text: string | undefined): text is string => text !== undefined && PART.test(text) && text !== '.' && text !== '..'

/**
 * `owner/name` from what people paste: the name itself, the address of any page of the repository, or a clone address.
 * Empty text has no problem to tell yet, and gives null.
 */
export function parseRepo(text: string): ParsedRepo | null {
  const trimmed = text.trim()
  if (trimmed === '') return null
  // https://github.com/owner/name/tree/main?tab=readme, github.com/owner/name, ssh://git@github.com/owner/name.git
  const address = /^(?:[a-z+]+:\/\/)(?:[^@/]*@)?[^/]+\/(.*)$/i.exec(trimmed) ?? /^(?:www\.)?github\.com\/(.*)$/i.exec(trimmed)
  // git@github.com:owner/name.git
  const scp = /^[^@/\s]+@[^:/\s]+:(.*)$/.exec(trimmed)
  const path = (address?.[1] ?? scp?.[1] ?? trimmed).replace(/[?#].*$/, '').replace(/^\/+|\/+$/g, '')
  const [owner, rest, ...more] = path.split('/')
  const name = address || scp ? rest?.replace(/\.git$/, '') : rest
  if (rest === undefined) return { problem: 'Write owner/name, as in the address of the repository: you/your-models.' }
  if (more.length > 0 && !address) return { problem: 'Write owner/name with one slash, or paste the whole address.' }
  if (!isPart(owner) || !isPart(name)) return { problem: 'A name has letters, digits, ".", "_" and "-" only.' }
  return { fullName: `${owner}/${name}` }
}
