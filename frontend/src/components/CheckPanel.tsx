// What the check says of the spec as it stands: its mistakes, or its layers.
import { Alert, Card, Group, Loader, Skeleton, Stack, Text, Title } from '@mantine/core'
import { CircleCheck } from 'lucide-react'

import type { SpecCheck } from './useSpecCheck'
import { LayerTable } from './LayerTable'
import { MistakeList } from './MistakeList'
import { ErrorAlert } from './PageError'
import type { Diagnosis } from '../lib/diagnose'

interface CheckPanelProps {
  check: SpecCheck
  onPick: (diagnosis: Diagnosis) => void
}

export function CheckPanel({ check, onPick }: CheckPanelProps) {
  const { diagnoses, result, failure, busy, valid } = check
  return (
    <Card p="md" style={{ minWidth: 0 }}>
      <Stack gap="md">
        <Group justify="space-between">
          <Title order={2} size="h4">
            Check
          </Title>
          <Group gap={6} aria-live="polite" mih={24}>
            {busy && <Loader size="xs" aria-label="Checking" />}
            {valid && (
              <>
                <CircleCheck size={16} color="var(--mantine-color-teal-6)" aria-hidden />
                <Text size="sm">Ready to train</Text>
              </>
            )}
          </Group>
        </Group>
        {diagnoses.length > 0 && <MistakeList diagnoses={diagnoses} onPick={onPick} />}
        {failure !== null && <ErrorAlert error={failure} />}
        {result && <LayerTable result={result} />}
        {!result && diagnoses.length === 0 && failure === null && <Waiting busy={busy} />}
      </Stack>
    </Card>
  )
}

function Waiting({ busy }: { busy: boolean }) {
  return busy ? (
    <Skeleton h={200} />
  ) : (
    <Alert color="gray">Write a spec, or start from an example.</Alert>
  )
}
