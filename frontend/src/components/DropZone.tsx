// Where files are dropped, or chosen by click or keyboard: a label around a real file input.
import { Stack, Text } from '@mantine/core'
import { useState, type DragEvent, type ReactNode } from 'react'

interface DropZoneProps {
  label: string
  hint: string
  icon: ReactNode
  /** As the `accept` attribute; a dropped file is not held against it. */
  accept?: string
  disabled?: boolean
  onFile: (file: File) => void
}

export function DropZone({ label, hint, icon, accept, disabled = false, onFile }: DropZoneProps) {
  const [over, setOver] = useState(false)
  const take = (files: FileList | null) => {
    const file = files?.[0]
    if (file && !disabled) onFile(file)
  }
  const stopOn = (inside: boolean) => (event: DragEvent) => {
    event.preventDefault()
    setOver(inside)
  }
  return (
    <label
      className="drop-zone"
      data-over={over || undefined}
      data-disabled={disabled || undefined}
      onDragEnter={stopOn(true)}
      onDragOver={stopOn(true)}
      onDragLeave={stopOn(false)}
      onDrop={(event) => {
        stopOn(false)(event)
        take(event.dataTransfer.files)
      }}
    >
      <input
        type="file"
        className="visually-hidden"
        aria-label={label}
        accept={accept}
        disabled={disabled}
        onChange={(event) => {
          take(event.currentTarget.files)
          // The same file may be chosen again.
          event.currentTarget.value = ''
        }}
      />
      <Stack gap={6} align="center">
        {icon}
        <Text fw={600}>{label}</Text>
        <Text size="sm" c="dimmed">
          {hint}
        </Text>
      </Stack>
    </label>
  )
}
