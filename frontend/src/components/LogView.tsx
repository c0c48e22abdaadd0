// A job's log: live, filtered by level, text and attempt, following the end until the reader
// scrolls up.
import { Badge, Button, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core'
import { ArrowDown, Search } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'

import type { LogLine } from '../api/eventStream'
import type { LogLevel } from '../api/types'
import { plural } from '../lib/format'
import { LEVEL_COLOR, LEVELS } from './status'

// Enough for any reading; thousands of lines at once make a page slow.
const MAX_LINES = 2000
const NEAR_END_PIXELS = 24

interface LogViewProps {
  logs: readonly LogLine[]
  /** Earlier lines that are not among them. */
  numCut: number
}

export function LogView({ logs, numCut }: LogViewProps) {
  const [level, setLevel] = useState<LogLevel>('debug')
  const [search, setSearch] = useState('')
  const [attempt, setAttempt] = useState<string | null>(null)
  const attempts = [...new Set(logs.map((line) => line.attempt))]
  const matching = filterLogs(logs, level, search, attempt)
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
        {attempts.length > 1 && (
          <Select
            aria-label="Attempt"
            placeholder="All attempts"
            size="xs"
            clearable
            w={140}
            value={attempt}
            onChange={setAttempt}
            data={attempts.map((number) => ({ value: String(number), label: `Attempt ${number}` }))}
          />
        )}
        <Text size="xs" c="dimmed" className="numbers">
          {matching.length} of {logs.length} lines
          {numCut > 0 && `; ${plural(numCut, 'earlier line')} not loaded`}
        </Text>
      </Group>
      <Lines lines={matching} showAttempt={attempts.length > 1} />
    </Stack>
  )
}

function filterLogs(
  logs: readonly LogLine[],
  level: LogLevel,
  search: string,
  attempt: string | null,
): LogLine[] {
  const least = LEVELS.indexOf(level)
  const text = search.toLowerCase()
  return logs.filter(
    (line) =>
      LEVELS.indexOf(line.level) >= least &&
      (text === '' || line.message.toLowerCase().includes(text)) &&
      (attempt === null || line.attempt === Number(attempt)),
  )
}

function Lines({ lines, showAttempt }: { lines: readonly LogLine[]; showAttempt: boolean }) {
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
          <Line key={line.seq} line={line} showAttempt={showAttempt} />
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

function Line({ line, showAttempt }: { line: LogLine; showAttempt: boolean }) {
  return (
    <div className="log-line">
      <span className="log-time">{line.at ? new Date(line.at).toLocaleTimeString() : ''}</span>
      <Badge size="xs" variant="light" color={LEVEL_COLOR[line.level]} mt={4} w={64} tt="none">
        {line.level}
      </Badge>
      <span>
        {showAttempt && (
          <span className="log-attempt" title={`Attempt ${line.attempt}`}>
            #{line.attempt}{' '}
          </span>
        )}
        {line.message}
      </span>
    </div>
  )
}
