import type { Schedule } from '../api/types'
import { Dialog } from '../ui/Dialog'
import type { ScheduleDraft } from './form'
import { ScheduleForm } from './ScheduleForm'

interface ScheduleDialogProps {
  open: boolean
  onClose: () => void
  /** The schedule to change; null: a new one. */
  schedule?: Schedule | null
  /** What a new one begins with. */
  given?: Partial<ScheduleDraft>
  onSaved: (schedule: Schedule) => void
}

/** Makes a schedule, or changes one. */
export function ScheduleDialog({ open, onClose, schedule = null, given, onSaved }: ScheduleDialogProps) {
  return (
    <Dialog open={open} onClose={onClose} title={schedule ? `Edit ${schedule.name}` : 'New schedule'} wide>
      <ScheduleForm schedule={schedule} given={given} onSaved={onSaved} onClose={onClose} />
    </Dialog>
  )
}
