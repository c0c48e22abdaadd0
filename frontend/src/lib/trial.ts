// What a user drops to try a model: a file of the kind that its dataset was made of.
import type { Dataset } from '../api/types'

export interface Trial {
  thing: 'picture' | 'table' | 'sound' | 'volume' | 'file'
  hint: string
  /** As the `accept` attribute of an input. */
  accept: string
}

const NOT_KEPT = 'or click to choose one; it is not kept'
const TABLE: Trial = {
  thing: 'table',
  hint: 'CSV or Parquet with the columns it was trained on; it is not kept',
  accept: '.csv,.tsv,.txt,.parquet,.zip',
}
const BY_FORMAT: Partial<Record<string, Trial>> = {
  nifti: { thing: 'volume', hint: NOT_KEPT, accept: '.nii,.gz' },
  audio: { thing: 'sound', hint: NOT_KEPT, accept: 'audio/*' },
  dicom: { thing: 'file', hint: 'a DICOM file; it is not kept', accept: '.dcm,application/dicom' },
}

export function trialOf({ format, features }: Pick<Dataset, 'format' | 'features'>): Trial {
  if (features?.length) return TABLE
  return BY_FORMAT[format ?? ''] ?? { thing: 'picture', hint: NOT_KEPT, accept: 'image/*' }
}
