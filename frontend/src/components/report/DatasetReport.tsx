// The report of a dataset's scan: headlines, findings with what to do, balance, figures.
import { Accordion, Button, Card, Group, Skeleton, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useState } from 'react'

import { reportQuery } from '../../api/datasets'
import type { Dataset, DatasetReport as Report } from '../../api/types'
import { plural } from '../../lib/format'
import { headlines } from '../../lib/report'
import { Figure } from '../Figure'
import { ErrorAlert } from '../PageError'
import { Problems } from '../Problems'
import { ChannelTable } from './ChannelTable'
import { ClassBalance } from './ClassBalance'
import { Findings } from './Findings'
import { PictureSizes } from './PictureSizes'
import { TargetTable } from './TargetTable'

export function DatasetReport({ dataset }: { dataset: Dataset }) {
  const { data, error, refetch } = useQuery(reportQuery(dataset.id))
  if (data) return <Whole dataset={dataset} report={data} />
  if (error) return <ErrorAlert error={error} retry={() => void refetch()} />
  return <Skeleton h={240} radius="lg" aria-label="Loading the report" />
}

function Whole({ dataset, report }: { dataset: Dataset; report: Report }) {
  const { classes, targets, channels, num_channels, pictures, num_samples } = report
  return (
    <Stack gap="lg">
      <Headlines dataset={dataset} report={report} />
      <Findings dataset={dataset} findings={report.findings} />
      {classes && <ClassBalance balance={classes} sizes={num_samples} />}
      {Object.keys(targets).length > 0 && <TargetTable targets={targets} />}
      {channels.length > 0 && (
        <ChannelTable channels={channels} total={num_channels ?? channels.length} />
      )}
      {pictures && <PictureSizes pictures={pictures} />}
      {dataset.problems.length > 0 && <LineByLine dataset={dataset} />}
    </Stack>
  )
}

function Headlines({ dataset, report }: { dataset: Dataset; report: Report }) {
  return (
    <Card p="md">
      <Stack gap="sm">
        <Group justify="space-between" gap="xs">
          <Title order={2} size="h4">
            Report of the scan
          </Title>
          <Button
            component="a"
            href={`/v1/datasets/${dataset.id}/report`}
            download={`${dataset.name}-report.json`}
            variant="default"
            size="xs"
            leftSection={<Download size={14} />}
          >
            Download JSON
          </Button>
        </Group>
        <Group gap="xl" style={{ rowGap: 12 }}>
          {headlines(report).map(({ label, value }) => (
            <Figure key={label} label={label} value={value} />
          ))}
        </Group>
      </Stack>
    </Card>
  )
}

function LineByLine({ dataset }: { dataset: Dataset }) {
  const { problems } = dataset
  const [open, setOpen] = useState<string | null>(null)
  return (
    <Accordion
      variant="contained"
      radius="lg"
      className="card-like"
      value={open}
      onChange={setOpen}
    >
      <Accordion.Item value="lines">
        <Accordion.Control>
          Line by line: {plural(problems.length, 'error or warning', 'errors and warnings')}
        </Accordion.Control>
        <Accordion.Panel>
          {open !== null && <Problems problems={problems} />}
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  )
}
