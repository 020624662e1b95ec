import { type ModelDetail, type TrafficPlace, useChangeTraffic, useVersions } from '../../../api'
import { LoadMore } from '../../../ui'
import { Decision } from '../Decision'
import { PercentField } from './PercentField'
import { before, changeOf, type Draft, isChange, isOutdated, takesWord } from './place'
import { RuleFields } from './RuleFields'

interface ShareDialogProps {
  model: ModelDetail
  /** The place as it is now. */
  present: TrafficPlace | undefined
  /** Null while nothing is being decided on. */
  draft: Draft | null
  onDraft: (draft: Draft | null) => void
  onBusy: (busy: boolean) => void
}

function titleOf(draft: Draft): string {
  const { environment } = draft.place
  return isChange(draft) ? `Change the trial of version ${draft.version} in ${environment}` : `Try a version in ${environment}`
}

/** Begins to try a version beside the current one, or changes how much of the requests it has. */
export function ShareDialog({ model, present, draft, onDraft, onBusy }: ShareDialogProps) {
  const versions = useVersions(model.name)
  const change = useChangeTraffic(model.name)
  const choices = (versions.data?.pages.flatMap((page) => page.items) ?? []).filter((one) => one.version !== draft?.place.current.version)
  const version = draft?.version ?? choices[0]?.version ?? null
  const make = async (confirm: { confirm?: string }): Promise<string> => {
    if (!draft || version === null) return ''
    const made = await change.mutateAsync({ ...changeOf(draft, version), ...confirm })
    if ('state' in made) return `Version ${version} waits until somebody else approves that it is tried in ${made.to}.`
    return `Version ${version} has ${made.candidate?.weight ?? 0} % of the requests in ${made.environment}.`
  }
  return (
    <Decision
      title={draft && titleOf(draft)}
      action={draft && isChange(draft) ? 'Change it' : 'Try it'}
      production={draft !== null && takesWord(draft)}
      ready={version !== null}
      stale={draft !== null && isOutdated(draft.place, present)}
      make={make}
      onClose={() => onDraft(null)}
      onBusy={onBusy}
    >
      {draft && (
        <>
          {!isChange(draft) && (
            <>
              <label className="flex flex-col gap-1">
                Version
                <select className="field" value={version ?? ''} onChange={(event) => onDraft({ ...draft, version: Number(event.target.value) })} required>
                  {choices.map((one) => (
                    <option key={one.version} value={one.version}>
                      {[`Version ${one.version}`, one.declared_version].filter(Boolean).join(' · ')}
                    </option>
                  ))}
                </select>
                <span className="text-sm text-muted">
                  {[
                    `It is loaded beside version ${draft.place.current.version}, and self-tested before it answers anything.`,
                    before(draft.place.environment) && `It must serve in ${before(draft.place.environment)}, or have served in ${draft.place.environment} before.`,
                  ]
                    .filter(Boolean)
                    .join(' ')}
                </span>
              </label>
              {versions.hasNextPage && <LoadMore {...versions} shown={choices.length} total={model.versions - 1} />}
            </>
          )}
          <PercentField label="Share of the requests" value={draft.weight} onChange={(weight) => onDraft({ ...draft, weight })}>
            {`Version ${draft.place.current.version} answers the rest. At 0 the new one stands by: it answers only requests that name it.`}
          </PercentField>
          <PercentField label="Shadow" value={draft.shadow} onChange={(shadow) => onDraft({ ...draft, shadow })}>
            How much of what the current version answers it computes too, unseen. Its answers are compared and counted; nobody waits for them or gets them.
          </PercentField>
          <RuleFields rules={draft.rules} compared={draft.shadow > 0} onChange={(rules) => onDraft({ ...draft, rules })} />
        </>
      )}
    </Decision>
  )
}
