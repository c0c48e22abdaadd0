// Upload in one request. XMLHttpRequest, since fetch tells nothing of an upload's progress.
import { UploadCancelled } from './cancelled'
import { unauthorized } from './client'
import { parseBody, toApiError } from './problem'
import type { Dataset } from './types'
import type { Telling, Upload, Wanted } from './upload'

/** Send a file as a form. */
export function uploadWhole(file: File, wanted: Wanted, telling: Telling): Upload {
  const request = new XMLHttpRequest()
  const done = new Promise<Dataset>((resolve, reject) => {
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) telling.onProgress((event.loaded / event.total) * file.size)
    }
    request.upload.onload = () => {
      telling.onState('checking')
    }
    request.onload = () => {
      const body = parseBody(request.responseText)
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
  request.send(form(file, wanted))
  return {
    done,
    cancel: () => {
      request.abort()
      return Promise.resolve()
    },
  }
}

function form(file: File, { name, options }: Wanted): FormData {
  const data = new FormData()
  data.append('name', name)
  if (options) data.append('options', JSON.stringify(options))
  data.append('file', file)
  return data
}
