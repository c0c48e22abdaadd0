// Upload of a dataset: small files in one request, larger ones in pieces (see piecewise.ts).
import { uploadInPieces } from './piecewise'
import type { Dataset } from './types'
import { uploadWhole } from './whole'

/** What the file is to become. */
export interface Wanted {
  name: string
  /** As `options` of the API; absent: all is sniffed. */
  options?: Record<string, unknown>
}

/** sending; waiting: the line is broken and it is tried again; paused; checking: all has arrived. */
export type UploadState = 'sending' | 'waiting' | 'paused' | 'checking'

/** What an upload tells on its way. */
export interface Telling {
  onProgress: (bytes: number) => void
  onState: (state: UploadState) => void
}

/** An upload under way: its outcome, and how to stop it, for a while where that is possible. */
export interface Upload {
  done: Promise<Dataset>
  /** `done` fails at once; this ends when nothing is left of it on the server. */
  cancel: () => Promise<void>
  pause?: () => void
  resume?: () => void
}

const LARGE_BYTES = 4 * 1024 ** 2

/** Send a file. */
export function uploadDataset(file: File, wanted: Wanted, telling: Telling): Upload {
  const send = file.size > LARGE_BYTES ? uploadInPieces : uploadWhole
  return send(file, wanted, telling)
}

/** A name for a dataset from its file's: without folders and known endings. */
export function datasetName(fileName: string): string {
  const base = fileName.split(/[\\/]/).at(-1) ?? fileName
  return base.replace(/(\.tar)?\.(zip|npz|gz|tgz)$/i, '') || base
}
