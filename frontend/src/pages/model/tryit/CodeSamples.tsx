import { useState } from 'react'
import { CopyButton, Tabs } from '../../../ui'
import { type Call, curl, javascript, python } from './snippets'

const LANGUAGES = [
  { key: 'curl', label: 'curl', write: curl },
  { key: 'python', label: 'Python', write: python },
  { key: 'javascript', label: 'JavaScript', write: javascript },
] as const
type Language = (typeof LANGUAGES)[number]['key']

/** The same call for a terminal or a program. */
export function CodeSamples({ call }: { call: Call }) {
  const [language, setLanguage] = useState<Language>('curl')
  const text = LANGUAGES.find((one) => one.key === language)?.write(call) ?? ''
  return (
    <Tabs tabs={LANGUAGES} current={language} onChange={setLanguage} label="Language">
      <div className="flex items-start rounded-md border border-line bg-raised">
        <pre tabIndex={0} aria-label={`The call in ${language}`} className="max-h-96 min-w-0 flex-1 overflow-auto p-3 font-mono text-sm">
          {text}
        </pre>
        <CopyButton text={text} label="Copy the code" />
      </div>
    </Tabs>
  )
}
