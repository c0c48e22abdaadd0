// A uPlot plugin that marks steps whose value is NaN or infinite, which have no place on the axis.
import type uPlot from 'uplot'

import { formatMetric } from '../lib/format'
import type { Marker } from './series'

const RED = '#e03131'
const SIZE = 5

/** Crosses at the top edge for NaN and +∞, at the bottom edge for −∞, each with its word. */
export function markersPlugin(markers: { current: Marker[] }): uPlot.Plugin {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx } = plot
        ctx.save()
        let labelledUpTo = -Infinity
        for (const marker of markers.current) {
          const place = placeOf(plot, marker)
          if (!place) continue
          cross(ctx, place.x, place.y)
          // A word at each of many marks would only be a smear.
          if (place.x < labelledUpTo) continue
          labelledUpTo = place.x + label(ctx, place.x, place.y, marker.value)
        }
        ctx.restore()
      },
    },
  }
}

function placeOf(plot: uPlot, { step, value }: Marker): { x: number; y: number } | null {
  const { left, top, width, height } = plot.bbox
  const x = plot.valToPos(step, 'x', true)
  if (!Number.isFinite(x) || x < left || x > left + width) return null
  const edge = 2 * SIZE * devicePixelRatio
  return { x, y: value === -Infinity ? top + height - edge : top + edge }
}

function cross(ctx: CanvasRenderingContext2D, x: number, y: number): void {
  const reach = SIZE * devicePixelRatio
  ctx.strokeStyle = RED
  ctx.lineWidth = 2 * devicePixelRatio
  ctx.beginPath()
  ctx.moveTo(x - reach, y - reach)
  ctx.lineTo(x + reach, y + reach)
  ctx.moveTo(x - reach, y + reach)
  ctx.lineTo(x + reach, y - reach)
  ctx.stroke()
}

function label(ctx: CanvasRenderingContext2D, x: number, y: number, value: number): number {
  const word = formatMetric(value)
  ctx.fillStyle = RED
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'middle'
  const gap = 2 * SIZE * devicePixelRatio
  ctx.fillText(word, x + gap, y)
  return ctx.measureText(word).width + 2 * gap
}
