import type { OnReject } from '../api/types'
import { REJECTS } from './words'

/** What becomes of rows that can't be scored. */
export function RejectChoice({ reject, onChange }: { reject: OnReject; onChange: (reject: OnReject) => void }) {
  return (
    <label className="flex flex-col gap-1">
      Rows that can’t be scored
      <select className="field" value={reject} onChange={(event) => onChange(event.target.value as OnReject)}>
        {Object.entries(REJECTS).map(([one, words]) => (
          <option key={one} value={one}>
            {words}
          </option>
        ))}
      </select>
    </label>
  )
}
