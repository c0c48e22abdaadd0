// What an upload is to be read as, for those who know better than the scan; closed at first.
import {
  Anchor,
  Button,
  Collapse,
  JsonInput,
  NumberInput,
  Paper,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useId, useState } from 'react'

import { countOptions, FORECASTS, mistakeOf, SPLIT_WAYS, TASKS, type OptionsForm } from '../lib/datasetOptions'

interface DatasetOptionsFormProps {
  value: OptionsForm
  onChange: (value: OptionsForm) => void
}

export function DatasetOptionsForm({ value, onChange }: DatasetOptionsFormProps) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const count = countOptions(value)
  const Chevron = open ? ChevronDown : ChevronRight
  return (
    <Stack gap="xs">
      <Button
        variant="subtle"
        size="xs"
        leftSection={<Chevron size={16} />}
        aria-expanded={open}
        aria-controls={id}
        style={{ alignSelf: 'flex-start' }}
        onClick={() => {
          setOpen(!open)
        }}
      >
        {count > 0 ? `Options (${count} set)` : 'Options'}
      </Button>
      <Collapse expanded={open} id={id}>
        {open && (
          <Paper withBorder p="md" radius="lg">
            <Stack gap="md">
              <Text size="sm" c="dimmed">
                They hold for the next file that you choose. What you leave empty is found out from
                the data, and the report says what was.
              </Text>
              <Fields value={value} onChange={onChange} />
              <JsonInput
                label="Other options, as JSON"
                description={
                  <>
                    Such as layout, picture_size or wide; all stand at{' '}
                    <Anchor href="/docs" size="xs">
                      /docs
                    </Anchor>
                  </>
                }
                placeholder='{"wide": true}'
                autosize
                minRows={1}
                formatOnBlur
                value={value.more}
                error={mistakeOf(value)}
                onChange={(more) => {
                  onChange({ ...value, more })
                }}
              />
            </Stack>
          </Paper>
        )}
      </Collapse>
    </Stack>
  )
}

function Fields({ value, onChange }: DatasetOptionsFormProps) {
  const text = (key: 'target' | 'time' | 'group') => ({
    value: value[key],
    onChange: (event: { currentTarget: { value: string } }) => {
      onChange({ ...value, [key]: event.currentTarget.value })
    },
  })
  const number = (key: 'window' | 'horizon' | 'val' | 'test' | 'seed') => ({
    value: value[key] ?? '',
    onChange: (entered: number | string) => {
      onChange({ ...value, [key]: typeof entered === 'number' ? entered : null })
    },
    allowDecimal: key === 'val' || key === 'test',
    allowNegative: false,
  })
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
      <Select
        label="Task"
        placeholder="As the data says"
        clearable
        data={TASKS.slice()}
        value={value.task}
        onChange={(task) => {
          onChange({ ...value, task: TASKS.find((known) => known === task) ?? null })
        }}
      />
      <TextInput label="Target" placeholder="Column, or several" {...text('target')} />
      <TextInput label="Time" placeholder="Column of moments" {...text('time')} />
      <TextInput label="Group" placeholder="Column of patients, series" {...text('group')} />
      <NumberInput label="Window" placeholder="Rows a sample" min={1} {...number('window')} />
      <NumberInput label="Horizon" placeholder="Rows ahead" min={1} {...number('horizon')} />
      <Select
        label="Predict"
        placeholder="The value itself"
        clearable
        data={FORECASTS.slice()}
        value={value.predict}
        onChange={(what) => {
          onChange({ ...value, predict: FORECASTS.find((known) => known === what) ?? null })
        }}
      />
      <Select
        label="Split by"
        placeholder="As fits the data"
        clearable
        data={SPLIT_WAYS.slice()}
        value={value.by}
        onChange={(way) => {
          onChange({ ...value, by: SPLIT_WAYS.find((known) => known === way) ?? null })
        }}
      />
      <NumberInput label="Validation, %" placeholder="10" max={99} {...number('val')} />
      <NumberInput label="Test, %" placeholder="10" max={99} {...number('test')} />
      <NumberInput label="Seed" placeholder="0" max={2 ** 32 - 1} {...number('seed')} />
    </SimpleGrid>
  )
}
