import { useReadiness } from '../../api'
import { Badge, dependencyAdvice, dependencyName, ErrorState, Panel, Skeleton } from '../../ui'

/** Whether what mlsys depends on answers, asked for again and again. */
export function Health() {
  const query = useReadiness()
  const entries = Object.entries(query.data?.dependencies ?? {})
  return (
    <Panel
      title="Health"
      actions={
        query.data && (
          <Badge tone={query.data.status === 'ready' ? 'success' : 'danger'} icon={query.data.status === 'ready' ? 'check' : 'cross'}>
            {query.data.status === 'ready' ? 'Ready' : 'Not ready'}
          </Badge>
        )
      }
    >
      {query.isPending ? (
        <Skeleton lines={4} height="h-6" />
      ) : query.isError ? (
        <ErrorState error={query.error} title="The health could not be asked for" onRetry={() => void query.refetch()} />
      ) : (
        <ul aria-live="polite" className="flex flex-col gap-2">
          {entries.map(([name, state]) => (
            <li key={name}>
              <div className="flex items-center justify-between gap-4">
                <span className="font-medium">{dependencyName(name)}</span>
                {state === 'ok' ? (
                  <Badge tone="success" icon="check">
                    Answers
                  </Badge>
                ) : (
                  <Badge tone="danger" icon="cross">
                    Unavailable
                  </Badge>
                )}
              </div>
              {state !== 'ok' && (
                <>
                  <p className="text-danger wrap-anywhere">{state}</p>
                  <p className="text-muted">{dependencyAdvice(name)}</p>
                </>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
