import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, data } from './client'
import { keys } from './keys'
import type { Environment, Me } from './types'

/** Whether somebody may look through buckets: operators of everything, as any table may be written then. */
export function mayScan(me: Me | undefined): boolean {
  return me?.may.includes('batch_predictions') ?? false
}

/** Looks what lies in an environment's bucket, and, unless it is only looked, has its table say so. */
export function useScan(environment: Environment) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (dry_run: boolean) => data(api.POST('/model-registry', { body: { environment, dry_run } })),
    onSuccess: (scan) => (scan.written ? queries.invalidateQueries({ queryKey: keys.tables() }) : undefined),
  })
}
