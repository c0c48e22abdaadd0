// Upload of a dataset: drop a file, see how far it is, pause it, stop it, go on with it.
import { Stack } from '@mantine/core'
import { Upload as UploadIcon } from 'lucide-react'

import { datasetName } from '../api/upload'
import { DropZone } from './DropZone'
import { SendingCard } from './SendingCard'
import { UnfinishedUploads } from './UnfinishedUploads'
import { useUpload } from './useUpload'

export function UploadCard() {
  const { sending, send, cancel, pause, resume } = useUpload()
  if (sending) {
    return <SendingCard sending={sending} onCancel={cancel} onPause={pause} onResume={resume} />
  }
  return (
    <Stack gap="sm">
      <DropZone
        label="Drop a dataset here"
        hint="or click to choose: a zip of class folders, a zip of idx files, or .npz"
        icon={<UploadIcon size={32} aria-hidden />}
        accept=".zip,.npz,.gz"
        onFile={(file) => {
          send(file, { name: datasetName(file.name) })
        }}
      />
      <UnfinishedUploads />
    </Stack>
  )
}
