// Every mistake of a spec with its line; a click goes there.
import { Alert, Stack, Text, UnstyledButton } from '@mantine/core'
import { CircleAlert } from 'lucide-react'

import type { Diagnosis } from '../lib/diagnose'
import { plural } from '../lib/format'

interface MistakeListProps {
  diagnoses: readonly Diagnosis[]
  onPick: (diagnosis: Diagnosis) => void
}

export function MistakeList({ diagnoses, onPick }: MistakeListProps) {
  return (
    <Alert
      color="red"
      icon={<CircleAlert size={18} />}
      title={`${plural(diagnoses.length, 'mistake')} in the spec`}
    >
      <Stack gap="sm">
        {diagnoses.map((one, index) => (
          <UnstyledButton
            key={`${one.path} ${index}`}
            onClick={() => {
              onPick(one)
            }}
          >
            <Text size="sm" fw={550} className="break">
              Line {one.line}: {one.message}
            </Text>
            <Text size="xs" c="dimmed" className="break" lineClamp={2}>
              {details(one)}
            </Text>
          </UnstyledButton>
        ))}
      </Stack>
    </Alert>
  )
}

function details({ path, expected, received }: Diagnosis): string {
  const parts = [path]
  if (expected) parts.push(`expected ${expected}`)
  if (received) parts.push(`received ${received}`)
  return parts.filter((part) => part !== '').join(' · ')
}
