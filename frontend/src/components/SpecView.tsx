// A job's spec as JSON, to read, copy and train again with changes.
import { Button, Code, CopyButton, Group, ScrollArea, Stack } from '@mantine/core'
import { Check, Copy, Repeat2 } from 'lucide-react'

import { specOf } from '../api/jobs'
import type { JobDetail } from '../api/types'
import { writeSpec } from '../lib/specText'
import { LinkButton } from './LinkButton'

export function SpecView({ job }: { job: JobDetail }) {
  const text = writeSpec(specOf(job))
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              size="xs"
              leftSection={copied ? <Check size={14} /> : <Copy size={14} />}
              onClick={copy}
            >
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
        <LinkButton
          to="/jobs/new"
          search={{ from: job.id }}
          variant="default"
          size="xs"
          leftSection={<Repeat2 size={14} />}
        >
          Train again with changes
        </LinkButton>
      </Group>
      <ScrollArea.Autosize mah={640} type="auto">
        <Code block>{text}</Code>
      </ScrollArea.Autosize>
    </Stack>
  )
}
