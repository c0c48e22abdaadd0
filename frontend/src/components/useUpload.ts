// One upload at a time: its state for the card, and what can be done with it.
import { useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'

import { UploadCancelled } from '../api/cancelled'
import { uploadDataset, type Upload, type UploadState, type Wanted } from '../api/upload'
import { SpeedMeter } from '../lib/speed'
import { sayDone, sayError } from './toasts'

/** An upload as the card shows it. */
export interface Sending {
  file: File
  state: UploadState
  bytes: number
  bytesPerSecond: number | null
  canPause: boolean
}

export function useUpload() {
  const queryClient = useQueryClient()
  const [sending, setSending] = useState<Sending | null>(null)
  const upload = useRef<Upload | null>(null)
  const change = (part: Partial<Sending>) => {
    setSending((old) => old && { ...old, ...part })
  }
  const send = (file: File, wanted: Wanted) => {
    const meter = new SpeedMeter()
    const begun = uploadDataset(file, wanted, {
      onProgress: (bytes) => {
        meter.add(bytes, performance.now())
        change({ bytes, bytesPerSecond: meter.bytesPerSecond })
      },
      onState: (state) => {
        if (state !== 'sending') meter.reset()
        change({ state })
      },
    })
    upload.current = begun
    const canPause = begun.pause !== undefined
    setSending({ file, state: 'sending', bytes: 0, bytesPerSecond: null, canPause })
    begun.done
      .then((dataset) => {
        sayDone(
          dataset.status === 'ingesting'
            ? `“${dataset.name}” has arrived and is being read.`
            : `You hold these very bytes already, as “${dataset.name}”.`,
        )
      })
      .catch((error: unknown) => {
        if (!(error instanceof UploadCancelled)) sayError(error)
      })
      .finally(() => {
        setSending(null)
        void queryClient.invalidateQueries({ queryKey: ['datasets'] })
        void queryClient.invalidateQueries({ queryKey: ['uploads'] })
      })
  }
  const cancel = async () => {
    await upload.current?.cancel()
    await queryClient.invalidateQueries({ queryKey: ['uploads'] })
  }
  return {
    sending,
    send,
    cancel: () => void cancel(),
    pause: () => upload.current?.pause?.(),
    resume: () => upload.current?.resume?.(),
  }
}
