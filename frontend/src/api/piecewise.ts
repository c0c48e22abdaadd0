// Upload in pieces by the tus protocol: outlives broken lines, pauses, and reloads of the page.
import { queryOptions } from '@tanstack/react-query'
import { defaultOptions, Upload as TusUpload, type DetailedError } from 'tus-js-client'

import { UploadCancelled } from './cancelled'
import { client, unauthorized, unwrap } from './client'
import { parseBody, toApiError } from './problem'
import type { Dataset, DatasetFromUpload, OpenUpload } from './types'
import type { Telling, Upload, Wanted } from './upload'

const ENDPOINT = '/v1/uploads'
// Five minutes without a byte's progress; each progress begins them anew.
const RETRY_MILLISECONDS = [500, 1000, 2000, 4000, 8000, ...Array<number>(19).fill(15_000)]

/** Send a file; where the same file was begun in this browser before, go on from there. */
export function uploadInPieces(file: File, wanted: Wanted, telling: Telling): Upload {
  let giveUp: () => void = () => undefined
  let isPaused = false
  const tus = new TusUpload(file, {
    endpoint: ENDPOINT,
    metadata: { filename: file.name },
    retryDelays: RETRY_MILLISECONDS,
    onShouldRetry: (error) => {
      const again = isWorthAnotherTry(error)
      if (again) telling.onState('waiting')
      return again
    },
    onProgress: (bytes) => {
      if (isPaused) return
      telling.onState('sending')
      telling.onProgress(bytes)
    },
  })
  const arrived = new Promise<void>((resolve, reject) => {
    tus.options.onSuccess = () => {
      resolve()
    }
    tus.options.onError = (error) => {
      reject(told(error))
    }
    giveUp = () => {
      reject(new UploadCancelled())
    }
  })
  const done = begin(tus, arrived)
    .then(() => {
      telling.onState('checking')
      return become(tus, wanted)
    })
    .then(async (dataset) => {
      await forget(tus)
      return dataset
    })
  return {
    done,
    cancel: async () => {
      giveUp()
      // What is left on the server where this fails is deleted after a day.
      await tus.abort(true).catch(() => undefined)
    },
    pause: () => {
      isPaused = true
      telling.onState('paused')
      void tus.abort()
    },
    resume: () => {
      isPaused = false
      telling.onState('sending')
      tus.start()
    },
  }
}

async function begin(tus: TusUpload, arrived: Promise<void>): Promise<void> {
  const previous = await tus.findPreviousUploads()
  const newest = previous.sort((a, b) => Date.parse(b.creationTime) - Date.parse(a.creationTime))[0]
  if (newest) tus.resumeFromPreviousUpload(newest)
  tus.start()
  return arrived
}

/** A finished upload becomes a dataset; asked again, it is the same one. */
function become(tus: TusUpload, { name, options }: Wanted): Promise<Dataset> {
  // What is absent has a default, which the generated type does not know.
  const body = { upload: uploadId(tus.url ?? ''), name, ...(options && { options }) }
  return unwrap(client.POST('/v1/datasets', { body: body as DatasetFromUpload }))
}

/** Not before the dataset is there: until then a reload has to find what has arrived. */
async function forget(tus: TusUpload): Promise<void> {
  for (const { urlStorageKey } of await tus.findPreviousUploads()) {
    await defaultOptions.urlStorage.removeUpload(urlStorageKey)
  }
}

function isWorthAnotherTry(error: DetailedError): boolean {
  const status = error.originalResponse?.getStatus() ?? 0
  return status === 0 || status >= 500 || [409, 423, 429].includes(status)
}

function told(error: Error | DetailedError): Error {
  if (!('originalResponse' in error)) return error
  const status = error.originalResponse?.getStatus() ?? 0
  if (status === 401) unauthorized()
  return toApiError(status, parseBody(error.originalResponse?.getBody() ?? ''))
}

function uploadId(url: string): string {
  return url.split('/').at(-1) ?? ''
}

/** An upload that is no dataset yet, and whether this browser can go on with it. */
export interface Unfinished extends OpenUpload {
  isOurs: boolean
}

export const unfinishedQuery = queryOptions({
  queryKey: ['uploads'],
  queryFn: async ({ signal }): Promise<Unfinished[]> => {
    const { items } = await unwrap(client.GET('/v1/uploads', { signal }))
    const kept = await defaultOptions.urlStorage.findAllUploads()
    const ours = new Set(kept.map(({ uploadUrl }) => uploadId(uploadUrl ?? '')))
    return items.map((item) => ({ ...item, isOurs: ours.has(item.id) }))
  },
})

/** Give an upload up, wherever it was begun. */
export async function discardUpload({ id }: OpenUpload): Promise<void> {
  await TusUpload.terminate(`${ENDPOINT}/${id}`)
  for (const { uploadUrl, urlStorageKey } of await defaultOptions.urlStorage.findAllUploads()) {
    if (uploadId(uploadUrl ?? '') === id) await defaultOptions.urlStorage.removeUpload(urlStorageKey)
  }
}
