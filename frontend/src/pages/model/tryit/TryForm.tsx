import { type FormEvent, type ReactNode, useState } from 'react'
import { asProblem, type ModelManifest, type Prediction, usePredict } from '../../../api'
import { Button, ErrorState, Panel, Tabs } from '../../../ui'
import { AnswerView } from './AnswerView'
import { CodeSamples } from './CodeSamples'
import { FormFields } from './FormFields'
import { columnIn, exampleBody, exampleRows } from './form'
import { predictUrl } from './snippets'
import type { Target } from './TryIt'
import { type Mode, useRequest } from './useRequest'

const MODES: readonly { key: Mode; label: string }[] = [
  { key: 'form', label: 'Form' },
  { key: 'json', label: 'JSON' },
]

interface TryFormProps {
  name: string
  manifest: ModelManifest
  target: Target
  picker: ReactNode
}

export function TryForm({ name, manifest, target, picker }: TryFormProps) {
  const request = useRequest(manifest)
  const predict = usePredict(name)
  const [answer, setAnswer] = useState<{ prediction: Prediction; milliseconds: number } | null>(null)
  // Mistakes show once one has asked, not while the first value is being typed.
  const [asked, setAsked] = useState(false)
  const examples = exampleRows(manifest.input_example)

  const refusal = predict.error ? asProblem(predict.error) : null
  const refused = refusal?.status === 400 && request.mode === 'form' ? columnIn(refusal.detail, request.columns) : null
  const problems = { ...(asked ? request.problems : {}), ...(refused && refusal ? { [refused]: refusal.detail } : {}) }

  /** What the server said is about what was sent, and no more about what is being typed. */
  const changed = () => {
    if (predict.isError) predict.reset()
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setAsked(true)
    if (!request.body || predict.isPending) return
    const started = performance.now()
    predict.mutate(
      { body: request.body.value, ...target },
      {
        onSuccess: (prediction) => setAnswer({ prediction, milliseconds: performance.now() - started }),
        onError: () => setAnswer(null),
      },
    )
  }

  const fields = (
    <FormFields
      columns={request.columns}
      fields={request.fields}
      problems={problems}
      onChange={(next) => {
        changed()
        request.setFields(next)
      }}
    />
  )
  const editor = (
    <div className="flex flex-col gap-1">
      <textarea
        aria-label="The request’s body as JSON"
        className="field min-h-56 w-full font-mono text-sm"
        spellCheck={false}
        value={request.json}
        aria-invalid={request.jsonProblem !== null}
        aria-describedby="json-problem"
        onChange={(event) => {
          changed()
          request.setJson(event.target.value)
        }}
      />
      <p id="json-problem" className={request.jsonProblem ? 'text-sm text-danger' : 'text-sm text-muted'}>
        {request.jsonProblem ?? 'A list of rows, or an object with "inputs", "instances" or "dataframe_split".'}
      </p>
    </div>
  )

  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel title="Request" actions={picker}>
        <form onSubmit={submit} noValidate className="flex flex-col gap-4">
          {request.columns.length > 0 ? (
            <Tabs tabs={MODES} current={request.mode} onChange={request.setMode} label="How to write the request">
              {request.mode === 'form' ? fields : editor}
            </Tabs>
          ) : (
            editor
          )}
          <div className="flex flex-wrap items-center gap-2">
            <Button type="submit" look="primary" busy={predict.isPending}>
              Predict
            </Button>
            {examples.length > 0 && (
              <select
                aria-label="Fill in an example row"
                className="field"
                value=""
                onChange={(event) => {
                  changed()
                  request.useExample(Number(event.target.value))
                }}
              >
                <option value="" disabled>
                  Fill in an example…
                </option>
                {examples.slice(0, 20).map((_, index) => (
                  <option key={index} value={index}>
                    Example row {index + 1}
                  </option>
                ))}
              </select>
            )}
          </div>
        </form>
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel title="Answer">
          <div aria-live="polite" className="min-h-28">
            {refusal && !refused ? (
              <ErrorState error={refusal} title="No prediction" />
            ) : refused ? (
              <p className="text-danger">The model refused the value of {refused}. The field says why.</p>
            ) : answer ? (
              <AnswerView {...answer} task={manifest.task} />
            ) : (
              <p className="text-muted">Press Predict; the model’s answer shows here.</p>
            )}
          </div>
        </Panel>
        <Panel title="The same call from elsewhere">
          <CodeSamples call={{ url: predictUrl(location.origin, name, target), body: request.body?.value ?? exampleBody(manifest.input_example) }} />
          {!request.body && <p className="pt-2 text-sm text-muted">With the example’s values, until the request has no mistake.</p>}
        </Panel>
      </div>
    </div>
  )
}
