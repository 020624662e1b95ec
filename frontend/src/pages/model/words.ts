import { type DataRead, type DeploymentEvent, ENVIRONMENTS, type Environment, type ModelDetail, type TableRead, type VersionRecord } from '../../api'
import { nameIn, tablePath } from '../../tables/name'
import { shortSha } from '../../ui'

export const causes: Record<DeploymentEvent['cause'], string> = {
  push: 'A push passed its gates',
  promotion: 'Promoted',
  rollback: 'Rolled back',
  revert: 'Restored after a failed change',
}

/** The push that made a version: `acme/pricing@1a2b3c4d5e6f`. */
export function madeBy(version: VersionRecord): string {
  return `${version.repo}@${shortSha(version.commit_sha)}`
}

/** Where a version serves, from dev to prod. */
export function servedIn(environments: ModelDetail['environments'], version: number): Environment[] {
  return ENVIRONMENTS.filter((environment) => environments[environment] === version)
}

/** The metrics that most versions have, in the newest one's order. */
export function metricNames(versions: readonly VersionRecord[]): string[] {
  return [...new Set(versions.flatMap((version) => Object.keys(version.metrics)))]
}

/** What queries read, each table once at each of its versions, in the order in which they were read. */
export function tablesOf(reads: readonly DataRead[]): TableRead[] {
  const all = reads.flatMap((read) => read.tables)
  return [...new Map(all.map((one) => [`${one.table} ${one.version}`, one])).values()]
}

/** The page of a table as a query saw it; null: it is none of those that mlsys keeps, whose versions are numbers. */
export function pageOf({ table, version }: TableRead): string | null {
  return /^\d{1,15}$/.test(version) && nameIn(table) === table ? tablePath(table, Number(version)) : null
}
