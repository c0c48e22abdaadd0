// A job's log: live, filtered by level and text, following the end until the reader scrolls up.
import { Badge, Button, Group, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { ArrowDown, Search } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'

import type { LogLine } from '../api/eventStream'
import type { LogLevel } from '../api/types'
import { LEVEL_COLOR, LEVELS } from './status'

// Enough for any reading; thousands of lines at once make a page slow.
const MAX_LINES = 2000
const NEAR_END_PIXELS = 24

export function LogView({ logs }: { logs: readonly LogLine[] }) {
  const [level, setLevel] = useState<LogLevel>('debug')
  const [search, setSearch] = useState('')
  const matching = filterLogs(logs, level, search)
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <SegmentedControl
          aria-label="Least severe level"
          size="xs"
          value={level}
          onChange={(value) => {
            setLevel(value)
          }}
          data={LEVELS.map((value) => ({ value, label: value === 'debug' ? 'all' : value }))}
        />
        <TextInput
          aria-label="Search in the log"
          placeholder="Search"
          size="xs"
          leftSection={<Search size={14} />}
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value)
          }}
          style={{ flex: '1 1 140px' }}
          maw={320}
        />
        <Text size="xs" c="dimmed" className="numbers">
          {matching.length} of {logs.length} lines
        </Text>
      </Group>
      <Lines lines={matching} />
    </Stack>
  )
}

function filterLogs(logs: readonly LogLine[], level: LogLevel, search: string): LogLine[] {
  const least = LEVELS.indexOf(level)
  const text = search.toLowerCase()
  return logs.filter(
    (line) =>
      LEVELS.indexOf(line.level) >= least && (text === '' || line.message.toLowerCase().includes(text)),
  )
}

function Lines({ lines }: { lines: readonly LogLine[] }) {
  const box = useRef<HTMLDivElement>(null)
  const [following, setFollowing] = useState(true)
  const shown = lines.slice(-MAX_LINES)

  useEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [following, lines.length])

  return (
    <div style={{ position: 'relative' }}>
      <div
        ref={box}
        className="log"
        role="log"
        aria-label="Log lines"
        tabIndex={0}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          setFollowing(scrollHeight - scrollTop - clientHeight < NEAR_END_PIXELS)
        }}
      >
        {shown.length === 0 && <Text c="dimmed">No line to show.</Text>}
        {shown.length < lines.length && (
          <Text c="dimmed">{lines.length - shown.length} earlier lines are not shown.</Text>
        )}
        {shown.map((line) => (
          <Line key={line.seq} line={line} />
        ))}
      </div>
      {!following && (
        <Button
          size="xs"
          radius="xl"
          leftSection={<ArrowDown size={14} />}
          style={{ position: 'absolute', right: 16, bottom: 12 }}
          onClick={() => {
            setFollowing(true)
          }}
        >
          Follow
        </Button>
      )}
    </div>
  )
}

function Line({ line }: { line: LogLine }) {
  return (
    <div className="log-line">
      <span className="log-time">{line.at ? new Date(line.at).toLocaleTimeString() : ''}</span>
      <Badge size="xs" variant="light" color={LEVEL_COLOR[line.level]} mt={4} w={64} tt="none">
        {line.level}
      </Badge>
      <span>{line.message}</span>
    </div>
  )
}
