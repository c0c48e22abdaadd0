// What the scan found, the worst first: how many, a few examples with pictures, what to do.
import { Alert, Badge, Button, Card, Divider, Group, Stack, Text, Title } from '@mantine/core'
import { CheckCircle, Lightbulb } from 'lucide-react'
import { useState } from 'react'

import type { Dataset, Example, Finding } from '../../api/types'
import { plural } from '../../lib/format'
import { bySeverity, pictureUrl, type Severity } from '../../lib/report'
import { SamplePair } from './SamplePair'

const COLOR: Record<Severity, string> = { error: 'red', warning: 'yellow', info: 'blue' }
const TITLE: Record<Severity, string> = { error: 'Errors', warning: 'Warnings', info: 'Notes' }
const FEW = 4

interface FindingsProps {
  dataset: Dataset
  findings: readonly Finding[]
}

export function Findings({ dataset, findings }: FindingsProps) {
  if (findings.length === 0) {
    return (
      <Alert color="green" variant="light" radius="lg" icon={<CheckCircle size={18} />}>
        The scan has nothing to complain of.
      </Alert>
    )
  }
  return bySeverity(findings).map((group) => (
    <Card key={group.severity} p="md">
      <Stack gap="md">
        <Group gap="xs">
          <Title order={2} size="h4">
            {TITLE[group.severity]}
          </Title>
          <Badge variant="light" color={COLOR[group.severity]}>
            {group.findings.length}
          </Badge>
        </Group>
        {group.findings.map((finding, index) => (
          <Stack key={index} gap="md">
            {index > 0 && <Divider />}
            <OneFinding dataset={dataset} finding={finding} />
          </Stack>
        ))}
      </Stack>
    </Card>
  ))
}

function OneFinding({ dataset, finding }: { dataset: Dataset; finding: Finding }) {
  const { code, message, examples, advice, count } = finding
  const [all, setAll] = useState(false)
  const shown = all ? examples : examples.slice(0, FEW)
  return (
    <Stack gap="xs">
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <Text size="sm" fw={600} className="break" flex={1}>
          {message}
        </Text>
        <Text size="xs" c="dimmed" className="mono" visibleFrom="xs">
          {code}
        </Text>
      </Group>
      {advice !== '' && (
        <Group gap={6} wrap="nowrap" align="flex-start">
          <Lightbulb size={15} className="advice-mark" aria-hidden />
          <Text size="sm" c="dimmed">
            {advice}
          </Text>
        </Group>
      )}
      <Examples dataset={dataset} examples={shown} message={message} />
      {examples.length > FEW && (
        <Group gap="xs">
          <Button
            variant="subtle"
            size="compact-xs"
            onClick={() => {
              setAll(!all)
            }}
          >
            {all ? 'Show fewer' : `Show ${plural(examples.length, 'example')}`}
          </Button>
          {count > examples.length && (
            <Text size="xs" c="dimmed">
              of {count.toLocaleString('en')}
            </Text>
          )}
        </Group>
      )}
    </Stack>
  )
}

interface ExamplesProps {
  dataset: Dataset
  examples: readonly Example[]
  message: string
}

/** Samples as pictures, where there are such; files as lines. */
function Examples({ dataset, examples, message }: ExamplesProps) {
  const pictured = dataset.status === 'ready'
  const samples = examples.filter((one) => pictured && pictureUrl(dataset.id, one) !== null)
  const files = examples.filter((one) => !samples.includes(one))
  return (
    <>
      {samples.length > 0 && (
        <div className="pairs">
          {samples.map((example) => (
            <SamplePair
              key={`${example.split} ${example.row}`}
              datasetId={dataset.id}
              example={example}
            />
          ))}
        </div>
      )}
      {files.map((example, index) => (
        <div key={index} className="break">
          <Text size="xs" className="mono" span>
            {example.name}
          </Text>
          {example.note !== null && example.note !== message && (
            <Text size="xs" c="dimmed" span>
              {' '}
              {example.note}
            </Text>
          )}
        </div>
      ))}
    </>
  )
}
