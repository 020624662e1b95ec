export interface Call {
  url: string
  body: unknown
}

/** The address of a prediction, at the dashboard's own origin. */
export function predictUrl(origin: string, model: string, target: { env?: string | undefined; version?: number | undefined }): string {
  const query = new URLSearchParams()
  if (target.env) query.set('env', target.env)
  if (target.version !== undefined) query.set('version', String(target.version))
  const text = query.toString()
  return `${origin}/models/${encodeURIComponent(model)}/predict${text && `?${text}`}`
}

/** One word of a POSIX shell: everything but the quote itself is itself between single quotes. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

export function curl({ url, body }: Call): string {
  // --data-raw, because --data reads a file where the text begins with "@".
  return `curl -X POST ${shellWord(url)} \\\n  -H 'content-type: application/json' \\\n  --data-raw ${shellWord(JSON.stringify(body))}`
}

function lines(open: string, parts: string[], close: string, indent: string): string {
  const flat = `${open}${parts.join(', ')}${close}`
  if (flat.length <= 72 && !flat.includes('\n')) return flat
  return `${open}\n${parts.map((part) => `${indent}    ${part},`).join('\n')}\n${indent}${close}`
}

function entriesOf(value: object): [string, unknown][] {
  return Object.entries(value)
}

/** A JSON value as Python writes it. JSON's texts are Python's, with every escape meaning the same. */
export function pythonValue(value: unknown, indent = ''): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value !== 'object') return JSON.stringify(value)
  const deeper = `${indent}    `
  if (Array.isArray(value))
    return lines(
      '[',
      value.map((item) => pythonValue(item, deeper)),
      ']',
      indent,
    )
  return lines(
    '{',
    entriesOf(value).map(([key, item]) => `${JSON.stringify(key)}: ${pythonValue(item, deeper)}`),
    '}',
    indent,
  )
}

export function python({ url, body }: Call): string {
  return `import requests\n\nrows = ${pythonValue(body)}\nresponse = requests.post(${JSON.stringify(url)}, json=rows, timeout=30)\nresponse.raise_for_status()\nprint(response.json())`
}

/** A JSON value as JavaScript writes it. The key `__proto__` would set the prototype unless it is computed. */
export function scriptValue(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const deeper = `${indent}    `
  if (Array.isArray(value))
    return lines(
      '[',
      value.map((item) => scriptValue(item, deeper)),
      ']',
      indent,
    )
  const key = (name: string) => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name))
  return lines(
    '{',
    entriesOf(value).map(([name, item]) => `${key(name)}: ${scriptValue(item, deeper)}`),
    '}',
    indent,
  )
}

export function javascript({ url, body }: Call): string {
  return `const rows = ${scriptValue(body)};\nconst response = await fetch(${JSON.stringify(url)}, {\n    method: "POST",\n    headers: { "content-type": "application/json" },\n    body: JSON.stringify(rows),\n});\nif (!response.ok) throw new Error(await response.text());\nconsole.log(await response.json());`
}
