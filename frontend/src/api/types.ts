// Short names for the generated types; the shapes themselves come from the API's OpenAPI document.
import type { components } from './schema'

type Schemas = components['schemas']

export type Job = Schemas['Job']
export type JobDetail = Schemas['JobDetail']
export type JobStatus = Job['status']
export type Reason = Schemas['Reason']
export type Progress = Schemas['Progress']
export type Attempt = Schemas['Attempt']
export type Dataset = Schemas['Dataset']
export type DatasetStatus = Dataset['status']
export type SplitName = Sample['split']
export type DatasetReport = Schemas['DatasetReport']
export type Finding = Schemas['Finding']
export type Example = Schemas['Example']
export type Place = Schemas['Place']
export type Balance = Schemas['Balance']
export type Histogram = Schemas['Histogram']
export type ChannelSummary = Schemas['ChannelSummary']
export type NumberSummary = Schemas['NumberSummary']
export type PictureSummary = Schemas['PictureSummary']
export type DatasetFromUpload = Schemas['DatasetFromUpload']
export type OpenUpload = Schemas['Upload']
export type Problem = Schemas['Problem']
export type Sample = Schemas['Sample']
export type Preview = Schemas['Preview']
export type PreviewRequest = Schemas['PreviewRequest']
export type Shown = Schemas['Shown']
export type Checkpoint = Schemas['Checkpoint']
export type Passport = Schemas['Passport']
export type AttemptPassport = Schemas['AttemptPassport']
export type Replay = Schemas['Replay']
export type Worker = Schemas['Worker']
export type SessionInfo = Schemas['SessionInfo']
export type CheckResult = Schemas['CheckResult']
export type CheckedLayer = Schemas['CheckedLayer']
export type JobReport = Schemas['JobReport']
export type LogLevel = Schemas['LogLine']['level']
export type Prediction = Schemas['Prediction']
export type ProblemDetails = Schemas['ProblemDetails']
/** One mistake of a request; what does not apply may be null or absent. */
export type Mistake = Pick<Schemas['ProblemError'], 'path' | 'message'> &
  Partial<Schemas['ProblemError']>
/** A job spec as the user wrote it; what it may say is checked by the API. */
export type Spec = Record<string, unknown>
