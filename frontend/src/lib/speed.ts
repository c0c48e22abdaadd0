// How fast something is, from how much of it there was when. Pure; the clock is handed in.

const WINDOW_SECONDS = 5

interface Sample {
  bytes: number
  seconds: number
}

/** Bytes a second over the last few seconds. */
export class SpeedMeter {
  private samples: Sample[] = []

  /** Take in how many bytes there are by now; going back, as after a broken line, begins anew. */
  add(bytes: number, milliseconds: number): void {
    const seconds = milliseconds / 1000
    if ((this.samples.at(-1)?.bytes ?? 0) > bytes) this.samples = []
    this.samples.push({ bytes, seconds })
    while ((this.samples[1]?.seconds ?? seconds) < seconds - WINDOW_SECONDS) this.samples.shift()
  }

  /** After a pause nothing of before counts. */
  reset(): void {
    this.samples = []
  }

  /** Null until there is something to say. */
  get bytesPerSecond(): number | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)]
    if (!first || !last || last.seconds - first.seconds < 0.5) return null
    return (last.bytes - first.bytes) / (last.seconds - first.seconds)
  }
}
