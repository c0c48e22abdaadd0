// Uploads that stopped on the way: what has arrived, how to go on, and giving them up.
import { Button, Card, Group, Progress, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'

import { discardUpload, unfinishedQuery, type Unfinished } from '../api/piecewise'
import { formatBytes } from '../lib/format'
import { sayError } from './toasts'

export function UnfinishedUploads() {
  const { data } = useQuery(unfinishedQuery)
  if (!data?.length) return null
  return (
    <Stack gap="xs" component="section" aria-label="Unfinished uploads">
      {data.map((upload) => (
        <UnfinishedUpload key={upload.id} upload={upload} />
      ))}
    </Stack>
  )
}

function UnfinishedUpload({ upload }: { upload: Unfinished }) {
  const queryClient = useQueryClient()
  const discard = useMutation({
    mutationFn: () => discardUpload(upload),
    onError: sayError,
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['uploads'] }),
  })
  const { file_name, offset, size_bytes, isOurs } = upload
  return (
    <Card p="sm">
      <Stack gap={6}>
        <Group justify="space-between" wrap="nowrap">
          <Text size="sm" className="break">
            <b>{file_name}</b>: {formatBytes(offset)} of {formatBytes(size_bytes)} have arrived.{' '}
            {isOurs
              ? 'Choose the same file above to go on.'
              : 'It was begun elsewhere, and goes on from there.'}
          </Text>
          <Button
            variant="subtle"
            color="red"
            size="xs"
            loading={discard.isPending}
            onClick={() => {
              discard.mutate()
            }}
            aria-label={`Discard ${file_name}`}
          >
            Discard
          </Button>
        </Group>
        <Progress
          value={size_bytes > 0 ? (offset / size_bytes) * 100 : 0}
          aria-label={`Arrived of ${file_name}`}
          size="sm"
        />
      </Stack>
    </Card>
  )
}
