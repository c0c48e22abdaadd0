// Upload of a dataset's file. XMLHttpRequest, since fetch tells nothing of an upload's progress.
import { unauthorized } from './client'
import { toApiError } from './problem'
import type { Dataset } from './types'

/** An upload under way: its outcome, and how to stop it. */
export interface Upload {
  done: Promise<Dataset>
  cancel: () => void
}

/** Thrown by `done` when the upload was cancelled. */
export class UploadCancelled extends Error {}

/** Send a file; `onProgress` gets the fraction from 0 to 1 that has left this machine. */
export function uploadDataset(
  file: File,
  name: string,
  options: Record<string, unknown>,
  onProgress: (fraction: number) => void,
): Upload {
  const request = new XMLHttpRequest()
  const done = new Promise<Dataset>((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total)
    }
    request.onload = () => {
      const body: unknown = parse(request.responseText)
      if (request.status >= 200 && request.status < 300) {
        resolve(body as Dataset)
        return
      }
      if (request.status === 401) unauthorized()
      reject(toApiError(request.status, body))
    }
    request.onerror = () => {
      reject(toApiError(0, null))
    }
    request.onabort = () => {
      reject(new UploadCancelled())
    }
  })
  request.open('POST', '/v1/datasets')
  request.send(form(file, name, options))
  return {
    done,
    cancel: () => {
      request.abort()
    },
  }
}

function form(file: File, name: string, options: Record<string, unknown>): FormData {
  const data = new FormData()
  data.append('name', name)
  data.append('options', JSON.stringify(options))
  data.append('file', file)
  return data
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A name for a dataset from its file's: without folders and known endings. */
export function datasetName(fileName: string): string {
  const base = fileName.split(/[\\/]/).at(-1) ?? fileName
  return base.replace(/(\.tar)?\.(zip|npz|gz|tgz)$/i, '') || base
}
