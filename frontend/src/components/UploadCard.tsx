// Upload of a dataset: drop a file, see how far it is, stop it.
import { Button, Card, Group, Progress, Stack, Text } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Upload as UploadIcon } from 'lucide-react'
import { useRef, useState } from 'react'

import { datasetName, uploadDataset, UploadCancelled, type Upload } from '../api/upload'
import { formatBytes, formatPercent } from '../lib/format'
import { NO_OPTIONS, toOptions } from '../lib/datasetOptions'
import { DatasetOptionsForm } from './DatasetOptionsForm'
import { DropZone } from './DropZone'
import { sayDone, sayError } from './toasts'

interface Sending {
  file: File
  fraction: number
}

export function UploadCard() {
  const { sending, send, cancel } = useUpload()
  const [options, setOptions] = useState(NO_OPTIONS)
  if (sending) return <SendingCard sending={sending} onCancel={cancel} />
  return (
    <Stack gap="xs">
      <DropZone
        label="Drop a dataset here"
        hint="or click to choose: a zip of class folders, a zip of idx files, or .npz"
        icon={<UploadIcon size={32} aria-hidden />}
        accept=".zip,.npz,.gz"
        onFile={(file) => {
          send(file, toOptions(options))
        }}
      />
      <DatasetOptionsForm value={options} onChange={setOptions} />
    </Stack>
  )
}

function useUpload() {
  const queryClient = useQueryClient()
  const [sending, setSending] = useState<Sending | null>(null)
  const upload = useRef<Upload | null>(null)
  const send = (file: File, options: Record<string, unknown>) => {
    const name = datasetName(file.name)
    setSending({ file, fraction: 0 })
    upload.current = uploadDataset(file, name, options, (fraction) => {
      setSending({ file, fraction })
    })
    upload.current.done
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
      })
  }
  return { sending, send, cancel: () => upload.current?.cancel() }
}

function SendingCard({ sending, onCancel }: { sending: Sending; onCancel: () => void }) {
  const { file, fraction } = sending
  const label = fraction < 1 ? `Uploading ${file.name}` : `Checking ${file.name}`
  return (
    <Card>
      <Stack gap="sm">
        <Group justify="space-between">
          <Text fw={600} className="break" aria-live="polite">
            {label}
          </Text>
          <Button variant="default" size="xs" onClick={onCancel}>
            Cancel
          </Button>
        </Group>
        <Progress value={fraction * 100} animated aria-label={label} />
        <Text size="sm" c="dimmed" className="numbers">
          {formatBytes(Math.round(fraction * file.size))} of {formatBytes(file.size)} ·{' '}
          {formatPercent(fraction)}
        </Text>
      </Stack>
    </Card>
  )
}
