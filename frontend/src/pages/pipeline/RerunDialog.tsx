import { useState } from 'react'
import { useNavigate } from 'react-router'
import { type Parameter, type PipelineDetail, useCreatePipeline, useParameters } from '../../api'
import { Button, Dialog, ErrorState, plural, Skeleton, shortSha, toast } from '../../ui'
import { ParameterField } from './ParameterField'
import { initialFields, readFields } from './parameters'

const FORM = 'rerun-form'

interface RerunFormProps {
  pipeline: PipelineDetail
  parameters: readonly Parameter[]
  onSubmit: (changed: Record<string, unknown>) => void
}

function RerunForm({ pipeline, parameters, onSubmit }: RerunFormProps) {
  const [fields, setFields] = useState(() => initialFields(parameters, pipeline.parameters))
  const { changed, problems } = readFields(parameters, fields)
  return (
    <form
      id={FORM}
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        const [first] = Object.keys(problems)
        if (first === undefined) return onSubmit(changed)
        event.currentTarget.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
      }}
    >
      {parameters.length === 0 && (
        <p>
          The notebook has no cell tagged <code className="font-mono">parameters</code>, so there is nothing to set. It runs as it is.
        </p>
      )}
      {parameters.map((parameter) => (
        <ParameterField
          key={parameter.name}
          parameter={parameter}
          value={fields[parameter.name] ?? ''}
          problem={problems[parameter.name]}
          changed={Object.hasOwn(changed, parameter.name)}
          onChange={(value) => setFields((old) => ({ ...old, [parameter.name]: value }))}
        />
      ))}
      {parameters.length > 0 && (
        <p aria-live="polite" className="text-muted">
          {Object.keys(changed).length === 0 ? 'Everything as in the notebook.' : `${plural(Object.keys(changed).length, 'value')} other than in the notebook.`}
        </p>
      )}
    </form>
  )
}

/** Runs the same notebook at the same commit again, with other parameters. */
export function RerunDialog({ pipeline, open, onClose }: { pipeline: PipelineDetail; open: boolean; onClose: () => void }) {
  const navigate = useNavigate()
  const parameters = useParameters(pipeline.id, open)
  const create = useCreatePipeline()
  const submit = (changed: Record<string, unknown>) => {
    const body = { repo: pipeline.repo, ref: pipeline.commit_sha, branch: pipeline.branch, notebook_path: pipeline.notebook_path, parameters: changed }
    create.mutate(body, {
      onSuccess: (made) => {
        toast('The notebook runs again.', 'success')
        onClose()
        void navigate(`/pipelines/${made.id}`)
      },
    })
  }
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Run again with parameters"
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={FORM} busy={create.isPending} disabled={!parameters.data}>
            Run
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <p className="text-muted">
          {pipeline.notebook_path} at commit <code className="font-mono">{shortSha(pipeline.commit_sha)}</code>. Only what you change is overridden.
        </p>
        {parameters.isPending && <Skeleton lines={4} />}
        {parameters.isError && <ErrorState error={parameters.error} title="The parameters could not be read" onRetry={() => void parameters.refetch()} />}
        {parameters.data && <RerunForm pipeline={pipeline} parameters={parameters.data.items} onSubmit={submit} />}
        {create.isError && <ErrorState error={create.error} title="The run could not be started" />}
      </div>
    </Dialog>
  )
}
