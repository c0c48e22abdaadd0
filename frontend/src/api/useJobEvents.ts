// A job's event stream as React state: its story from the beginning, then live.
//
// EventSource reconnects by itself with Last-Event-ID. Where it gives up, a new one goes on after
// the last event; whatever should be told twice all the same, `tell` drops.
import { useEffect, useState } from 'react'

import { EMPTY_STORY, tell, type EventKind, type JobStory, type StreamEvent } from './eventStream'

const KINDS: readonly EventKind[] = ['status', 'metrics', 'log', 'progress', 'end']
// A story of thousands of events arrives in one go: drawn a few times a second, not each time.
const BATCH_MILLISECONDS = 120
const REOPEN_MILLISECONDS = 3000

/** `connected` is false while the line is down; a story that has ended counts as connected. */
export interface LiveStory {
  story: JobStory
  connected: boolean
}

/** Follow a job's events until it ends or the page is left. Mount anew for another job. */
export function useJobEvents(jobId: string): LiveStory {
  const [story, setStory] = useState<JobStory>(EMPTY_STORY)
  const [connected, setConnected] = useState(true)

  useEffect(() => {
    const waiting: StreamEvent[] = []
    let source: EventSource | null = null
    let flushTimer: number | undefined
    let reopenTimer: number | undefined
    let lastSeq = 0

    const flush = () => {
      flushTimer = undefined
      const batch = waiting.splice(0)
      setStory((current) => tell(current, batch))
    }
    const receive = (kind: EventKind, message: MessageEvent<string>) => {
      const data = JSON.parse(message.data) as Record<string, unknown>
      lastSeq = Number(message.lastEventId)
      waiting.push({ seq: lastSeq, kind, data })
      flushTimer ??= window.setTimeout(flush, BATCH_MILLISECONDS)
      if (kind === 'end') source?.close()
    }
    const open = () => {
      source = new EventSource(`/v1/jobs/${encodeURIComponent(jobId)}/events?after=${lastSeq}`)
      source.onopen = () => {
        setConnected(true)
      }
      source.onerror = () => {
        setConnected(false)
        if (source?.readyState === EventSource.CLOSED) {
          reopenTimer = window.setTimeout(open, REOPEN_MILLISECONDS)
        }
      }
      for (const kind of KINDS) {
        source.addEventListener(kind, (message: MessageEvent<string>) => {
          receive(kind, message)
        })
      }
    }

    open()
    return () => {
      source?.close()
      window.clearTimeout(flushTimer)
      window.clearTimeout(reopenTimer)
    }
  }, [jobId])

  return { story, connected: connected || story.ended }
}
