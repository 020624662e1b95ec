import { type DeploymentEvent, ENVIRONMENTS, type Environment, type ModelDetail, type VersionRecord } from '../../api'
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
