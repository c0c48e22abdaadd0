// Which dataset a job trains on: one of those that are ready.
import { Group, Select, Text } from '@mantine/core'

import type { Dataset } from '../api/types'
import { formatShape, plural } from '../lib/format'

interface DatasetPickerProps {
  datasets: readonly Dataset[]
  /** Id or name, as the spec has it. */
  value: unknown
  onChange: (id: string) => void
}

export function DatasetPicker({ datasets, value, onChange }: DatasetPickerProps) {
  const ready = datasets.filter((dataset) => dataset.status === 'ready')
  // Newest first, as the list comes: a name alone stands for its newest version.
  const chosen = ready.find(
    ({ id, name, version }) => id === value || name === value || `${name}@${version}` === value,
  )
  return (
    <Select
      label="Dataset"
      placeholder={ready.length === 0 ? 'No dataset is ready yet' : 'Choose a dataset'}
      data={ready.map(({ id, name, version }) => ({
        value: id,
        label: version > 1 ? `${name}@${version}` : name,
      }))}
      value={chosen?.id ?? null}
      onChange={(id) => {
        if (id !== null) onChange(id)
      }}
      searchable
      allowDeselect={false}
      disabled={ready.length === 0}
      renderOption={({ option }) => {
        const dataset = ready.find(({ id }) => id === option.value)
        return (
          <Group gap="xs" justify="space-between" flex={1}>
            <Text size="sm">{option.label}</Text>
            <Text size="xs" c="dimmed">
              {dataset && describe(dataset)}
            </Text>
          </Group>
        )
      }}
    />
  )
}

/** A dataset in one line: its samples' shape and its classes. */
export function describe({ input_shape, num_classes, splits }: Dataset): string {
  const samples = Object.values(splits).reduce((total, split) => total + split.num_samples, 0)
  return [
    plural(samples, 'sample'),
    input_shape && formatShape(input_shape),
    num_classes && plural(num_classes, 'class', 'classes'),
  ]
    .filter(Boolean)
    .join(' · ')
}
