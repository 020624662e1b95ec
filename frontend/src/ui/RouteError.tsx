import { isRouteErrorResponse, useRouteError } from 'react-router'
import { Page } from './Page'
import { ErrorState } from './States'

/** Shown when a page throws, or when its script could not be loaded (mlsys was updated meanwhile, say). */
export function RouteError() {
  const error = useRouteError()
  const missing = isRouteErrorResponse(error) && error.status === 404
  return (
    <Page title={missing ? 'No such page' : 'This page failed'}>
      <ErrorState error={missing ? new Error('There is no page at this address.') : error} title={missing ? 'No such page' : 'This page could not be shown'} onRetry={() => location.reload()} />
    </Page>
  )
}
