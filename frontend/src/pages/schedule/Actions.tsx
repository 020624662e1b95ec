import { useState } from 'react'
import { useNavigate } from 'react-router'
import { asProblem, type Schedule, useCancelFirings, useRemoveSchedule } from '../../api'
import { ScheduleDialog } from '../../schedules/ScheduleDialog'
import { useScheduleActions } from '../../schedules/useScheduleActions'
import { Button, ErrorState, plural, RemovalDialog, toast } from '../../ui'
import { BackfillDialog } from './BackfillDialog'

type Asking = 'edit' | 'backfill' | 'cancel' | 'delete'

/** What operators can do with a schedule. */
export function Actions({ schedule }: { schedule: Schedule }) {
  const { id, name, paused, waiting, source } = schedule
  const [asking, setAsking] = useState<Asking | null>(null)
  const { run, running, pause, pausing } = useScheduleActions(schedule)
  const cancel = useCancelFirings()
  const remove = useRemoveSchedule()
  const navigate = useNavigate()
  const close = () => setAsking(null)
  return (
    <>
      <Button look="primary" icon="play" busy={running} onClick={run}>
        Run now
      </Button>
      <Button icon={paused ? 'skip' : 'pause'} busy={pausing} onClick={pause}>
        {paused ? 'Resume' : 'Pause'}
      </Button>
      {/* What a file declares, the next push would make so again. */}
      {source === null && <Button onClick={() => setAsking('edit')}>Edit</Button>}
      <Button onClick={() => setAsking('backfill')}>Back-fill</Button>
      {waiting > 0 && (
        <Button look="danger" icon="stop" onClick={() => setAsking('cancel')}>
          Cancel
        </Button>
      )}
      {source === null && (
        <Button look="danger" onClick={() => setAsking('delete')}>
          Delete
        </Button>
      )}
      <ScheduleDialog
        open={asking === 'edit'}
        schedule={schedule}
        onClose={close}
        onSaved={() => {
          toast(`${name} is saved.`, 'success')
          close()
        }}
      />
      <BackfillDialog open={asking === 'backfill'} schedule={schedule} onClose={close} />
      <RemovalDialog
        open={asking === 'cancel' && waiting > 0}
        onClose={close}
        title={`Cancel what ${name} began?`}
        verb="Cancel it"
        keep="Let it go on"
        busy={cancel.isPending}
        onRemove={() =>
          cancel.mutate(id, {
            onError: (error) => toast(asProblem(error).detail, 'danger'),
            // What runs may have ended meanwhile, or be something that can't be stopped halfway.
            onSuccess: ({ cancelled }) => toast(cancelled === 0 ? 'There was nothing to cancel any more.' : `${plural(cancelled, 'firing')} cancelled.`),
            onSettled: close,
          })
        }
      >
        <p>{`What runs is ended, and what waits does not begin: ${plural(waiting, 'firing')}. The schedule itself stays as it is, and fires again when its time comes.`}</p>
      </RemovalDialog>
      <RemovalDialog
        open={asking === 'delete'}
        onClose={close}
        title={`Delete ${name}?`}
        verb="Delete"
        busy={remove.isPending}
        onRemove={() =>
          remove.mutate(id, {
            onSuccess: () => {
              toast(`${name} is deleted.`)
              void navigate('/schedules')
            },
          })
        }
      >
        <div className="flex flex-col gap-2">
          <p>It fires no more, what waits is dropped, and its history goes. What runs goes on. Tables, models and pipelines stay as they are.</p>
          {!paused && <p className="text-muted">To stop it for a while only, pause it.</p>}
          {remove.isError && <ErrorState error={remove.error} title="The schedule was not deleted" />}
        </div>
      </RemovalDialog>
    </>
  )
}
