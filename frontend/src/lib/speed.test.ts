import { describe, expect, it } from 'vitest'

import { SpeedMeter } from './speed'

describe('SpeedMeter', () => {
  it('says nothing before it knows something', () => {
    const meter = new SpeedMeter()
    expect(meter.bytesPerSecond).toBeNull()
    meter.add(0, 0)
    meter.add(1_000_000, 100)
    expect(meter.bytesPerSecond).toBeNull()
  })

  it('measures bytes a second', () => {
    const meter = new SpeedMeter()
    for (let second = 0; second <= 3; second += 1) meter.add(second * 500, second * 1000)
    expect(meter.bytesPerSecond).toBe(500)
  })

  it('forgets what was more than five seconds ago', () => {
    const meter = new SpeedMeter()
    for (let second = 0; second <= 10; second += 1) meter.add(second * 1000, second * 1000)
    for (let second = 11; second <= 20; second += 1) {
      meter.add(10_000 + (second - 10) * 10, second * 1000)
    }
    expect(meter.bytesPerSecond).toBe(10)
  })

  it('begins anew where a broken line has taken bytes back, and after a pause', () => {
    const meter = new SpeedMeter()
    meter.add(5000, 0)
    meter.add(9000, 1000)
    meter.add(2000, 2000)
    meter.add(3000, 4000)
    expect(meter.bytesPerSecond).toBe(500)
    meter.reset()
    expect(meter.bytesPerSecond).toBeNull()
  })
})
