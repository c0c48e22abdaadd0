// Upload of a dataset: drop a file, see how far it is, pause it, stop it, go on with it.
import { Stack } from '@mantine/core'
import { Upload as UploadIcon } from 'lucide-react'
import { useState } from 'react'

import { datasetName } from '../api/upload'
import { mistakeOf, NO_OPTIONS, toOptions } from '../lib/datasetOptions'
import { DatasetOptionsForm } from './DatasetOptionsForm'
import { DropZone } from './DropZone'
import { SendingCard } from './SendingCard'
import { UnfinishedUploads } from './UnfinishedUploads'
import { useUpload } from './useUpload'

export function UploadCard() {
  const { sending, send, cancel, pause, resume } = useUpload()
  const [options, setOptions] = useState(NO_OPTIONS)
  if (sending) {
    return <SendingCard sending={sending} onCancel={cancel} onPause={pause} onResume={resume} />
  }
  const mistake = mistakeOf(options)
  return (
    <Stack gap="sm">
      <DropZone
        label="Drop a dataset here"
        hint={
          mistake === null
            ? 'or click to choose: an archive of pictures or series, arrays, or a table'
            : 'once the options are right'
        }
        disabled={mistake !== null}
        icon={<UploadIcon size={32} aria-hidden />}
        onFile={(file) => {
          send(file, { name: datasetName(file.name), options: toOptions(options) })
        }}
      />
      <DatasetOptionsForm value={options} onChange={setOptions} />
      <UnfinishedUploads />
    </Stack>
  )
}
