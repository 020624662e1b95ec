import { type FormEvent, useRef, useState } from 'react'
import { type AllowedData, asProblem, DATA_ACCESS, type DataAccess, type Repo, useAllowData } from '../../api'
import { TextField } from '../../batch/TextField'
import { focusMistake } from '../../batch/useBatchForm'
import { Choice } from '../../schedules/Choice'
import { Button, ErrorState, toast } from '../../ui'
import { accessOf } from './words'

interface DataFormProps {
  repo: Repo
  /** What is changed; null: another place is allowed. */
  present: AllowedData | null
  onClose: () => void
}

/** Names a dataset or a bucket, and what notebooks may do there. */
export function DataForm({ repo, present, onClose }: DataFormProps) {
  const element = useRef<HTMLFormElement>(null)
  const allow = useAllowData()
  const [typed, setTyped] = useState(present?.place ?? '')
  const [access, setAccess] = useState<DataAccess>(present?.access ?? 'read')
  const place = typed.trim()
  // The API says how a name is written; that belongs beside the name.
  const misnamed = allow.error && asProblem(allow.error).code === 'bad_data' ? asProblem(allow.error).detail : undefined
  const submit = (event: FormEvent) => {
    event.preventDefault()
    allow.mutate(
      { id: repo.id, place, access },
      {
        onSuccess: () => {
          toast(`The notebooks may ${access} ${place}, from their next run on.`, 'success')
          onClose()
        },
        onError: () => focusMistake(element.current),
      },
    )
  }
  return (
    <form ref={element} onSubmit={submit} className="flex flex-col gap-3">
      <TextField
        label="Dataset or bucket"
        value={typed}
        placeholder="local.titanic"
        fixed={present !== null}
        problem={misnamed}
        help={present ? undefined : 'A dataset with all its tables, as project.dataset, or a bucket, as gs://bucket.'}
        onChange={(text) => {
          setTyped(text)
          allow.reset()
        }}
      />
      <Choice label="Notebooks may" value={access} values={DATA_ACCESS} words={accessOf} onChange={setAccess} />
      {allow.isError && !misnamed && <ErrorState error={allow.error} title={present ? 'The data was not changed' : 'The data was not allowed'} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        {/* Dots alone would lead to another address than a place's. */}
        <Button type="submit" look="primary" busy={allow.isPending} disabled={/^\.*$/.test(place)}>
          {present ? 'Save' : 'Allow it'}
        </Button>
      </div>
    </form>
  )
}
