// The present moment as state, so that ages and durations on a page keep up.
import { useEffect, useState } from 'react'

/** Milliseconds since 1970, renewed every `everyMilliseconds`. */
export function useNow(everyMilliseconds = 5000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = window.setInterval(() => {
      setNow(Date.now())
    }, everyMilliseconds)
    return () => {
      window.clearInterval(timer)
    }
  }, [everyMilliseconds])
  return now
}
