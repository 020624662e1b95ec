import type { components } from './schema'

type Schemas = components['schemas']

export type Problem = Schemas['Problem']
export type PipelineStatus = Schemas['PipelineStatus']
export type PhaseName = Schemas['PhaseName']
export type PhaseStatus = Schemas['PhaseStatus']
export type PhaseRecord = Schemas['PhaseRecord']
export type PipelineRecord = Schemas['PipelineRecord']
export type PipelineDetail = Schemas['PipelineDetail']
export type GateResult = Schemas['GateResult']
export type Champion = Schemas['Champion']
export type NewPipeline = Schemas['NewPipeline']
export type LogLine = Schemas['LogLine']
export type LogStream = Schemas['LogStream']
export type Parameter = Schemas['Parameter']
export type ParameterType = Schemas['ParameterType']
export type Environment = Schemas['Environment']
export type ModelSummary = Schemas['ModelSummary']
export type ModelDetail = Schemas['ModelDetail']
export type Deployment = Schemas['Deployment']
export type VersionRecord = Schemas['VersionRecord']
export type VersionDetail = Schemas['VersionDetail']
export type DataRead = Schemas['DataRead']
export type TableRead = Schemas['TableRead']
export type ModelManifest = Schemas['ModelManifest']
export type Signature = Schemas['Signature']
export type Column = Schemas['Column']
export type DeploymentEvent = Schemas['DeploymentEvent']
export type DeploymentChange = Schemas['DeploymentChange']
export type Approval = Schemas['Approval']
export type Promotion = Schemas['Promotion']
export type Rollback = Schemas['Rollback']
export type ModelTraffic = Schemas['ModelTraffic']
export type VersionTraffic = Schemas['VersionTraffic']
export type TrafficPlace = Schemas['TrafficPlace']
export type TrafficCandidate = Schemas['TrafficCandidate']
export type TrafficChange = Schemas['TrafficChange']
export type CanaryRules = Schemas['CanaryRules']
export type Prediction = Schemas['Prediction']
export type Repo = Schemas['Repo']
export type NewRepo = Schemas['NewRepo']
export type RepoChange = Schemas['RepoChange']
export type RunSecret = Schemas['RunSecret']
export type AllowedData = Schemas['AllowedData']
export type DataAccess = Schemas['DataAccess']
export type RepoCheck = Schemas['RepoCheck']
export type Webhook = Schemas['Webhook']
export type DayStatistics = Schemas['DayStatistics']
export type Statistics = Schemas['Statistics']
export type Setting = Schemas['Setting']
export type Settings = Schemas['Settings']
export type Overview = Schemas['Overview']
export type AttentionPipeline = Schemas['AttentionPipeline']
export type AttentionRepo = Schemas['AttentionRepo']
export type Readiness = Schemas['Readiness']

// `Table` and `TableColumn` are what pages are drawn with (ui/), so what the warehouse has is called otherwise here.
export type TableSummary = Schemas['TableSummary']
export type TableDetail = Schemas['Table']
export type TableField = Schemas['TableColumn']
export type TableVersion = Schemas['TableVersion']
export type TableSample = Schemas['TableSample']
export type Scan = Schemas['Scan']
export type RegistryEntry = Schemas['Entry']
export type NewScan = Schemas['NewScan']
export type BatchPrediction = Schemas['BatchPrediction']
export type BatchStatus = Schemas['BatchStatus']
export type BatchPreview = Schemas['BatchPreview']
export type NewBatchPrediction = Schemas['NewBatchPrediction']
export type WriteDisposition = Schemas['WriteDisposition']
export type OnReject = Schemas['OnReject']

export type Schedule = Schemas['Schedule']
export type ScheduleSource = Schemas['ScheduleSource']
export type NewSchedule = Schemas['NewSchedule']
export type SchedulePatch = Schemas['SchedulePatch']
export type Work = Schemas['Work']
export type ScheduleKind = Work['kind']
export type BatchPredictionWork = Extract<Work, { kind: 'batch_prediction' }>
export type RetrainingWork = Extract<Work, { kind: 'retraining' }>
export type Overlap = Schemas['Overlap']
export type Misfire = Schemas['Misfire']
export type Firing = Schemas['Firing']
export type FiringCause = Schemas['FiringCause']
export type FiringStatus = Schemas['FiringStatus']
export type NextFirings = Schemas['NextFirings']
export type BackFill = Schemas['BackFill']
export type BackFilled = Schemas['BackFilled']

export type Me = Schemas['Me']
export type Grant = Schemas['Grant']
export type Role = Schemas['Role']
export type ApiKey = Schemas['ApiKey']
export type MadeKey = Schemas['MadeKey']
export type MakeKey = Schemas['MakeKey']
export type Person = Schemas['Person']
export type PersonChange = Schemas['PersonChange']
export type Invite = Schemas['Invite']
export type Invited = Schemas['Invited']
export type AuditEntry = Schemas['AuditEntry']
export type SignIn = Schemas['SignIn']

export interface Page<T> {
  items: T[]
  next: string | null
}

export interface CountedPage<T> extends Page<T> {
  /** How many items all pages have together. */
  total: number
}

export const PHASES: readonly PhaseName[] = ['download', 'validate', 'execute', 'register', 'deploy']
export const DATA_ACCESS: readonly DataAccess[] = ['read', 'write']
export const STATUSES: readonly PipelineStatus[] = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped']
export const BATCH_STATUSES: readonly BatchStatus[] = ['queued', 'running', 'writing', 'succeeded', 'failed', 'cancelled']
export const SCHEDULE_KINDS: readonly ScheduleKind[] = ['batch_prediction', 'retraining', 'retention', 'registry_scan']
export const OVERLAPS: readonly Overlap[] = ['skip', 'queue', 'replace']
export const MISFIRES: readonly Misfire[] = ['skip', 'once', 'all']
export const FIRING_STATUSES: readonly FiringStatus[] = ['waiting', 'running', 'succeeded', 'failed', 'skipped', 'cancelled']
export const ROLES: readonly Role[] = ['viewer', 'predictor', 'developer', 'operator', 'admin']
export const ENVIRONMENTS: readonly Environment[] = ['dev', 'staging', 'prod']

/** Whether a pipeline still changes by itself. */
export function isActive(status: PipelineStatus): boolean {
  return status === 'queued' || status === 'running'
}

/** Whether a batch prediction still changes by itself. */
export function isUnfinished(status: BatchStatus): boolean {
  return status === 'queued' || status === 'running' || status === 'writing'
}

/** Whether a firing still changes by itself. */
export function isUnderWay(status: FiringStatus): boolean {
  return status === 'waiting' || status === 'running'
}
