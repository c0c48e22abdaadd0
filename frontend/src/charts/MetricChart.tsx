// One chart of several metrics over steps, by uPlot; values that are no numbers become marks.
import { useComputedColorScheme } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'

import { formatMetric } from '../lib/format'
import { markersPlugin } from './markers'
import { align, splitIndex, type ChartGroup, type Marker } from './series'

const HEIGHT = 260
const WHOLE_STEPS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap((n) => [n, 2 * n, 5 * n])

const COLORS = {
  light: { lines: ['#3b5bdb', '#e8590c', '#2b8a3e'], other: '#7048e8', text: '#5b6472', grid: '#e6e9ee' },
  dark: { lines: ['#748ffc', '#ffa94d', '#69db7c'], other: '#b197fc', text: '#a0a7b4', grid: '#2c3038' },
}

type Palette = (typeof COLORS)['light']

/** A chart with a legend that names the values under the pointer; drag to zoom into steps. */
export function MetricChart({ group }: { group: ChartGroup }) {
  const { ref, width } = useElementSize()
  const scheme = useComputedColorScheme('light')
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const markers = useRef<Marker[]>([])
  const names = group.series.map((series) => series.name).join(' ')

  useEffect(() => {
    if (!holder.current || width === 0) return
    const options = chartOptions(names.split(' '), width, COLORS[scheme], markers)
    const created = new uPlot(options, undefined, holder.current)
    plot.current = created
    return () => {
      created.destroy()
      plot.current = null
    }
  }, [names, width, scheme])

  useEffect(() => {
    const aligned = align(group.series)
    markers.current = aligned.markers
    const scale = plot.current?.scales.x
    const [steps] = aligned.columns
    const data = plot.current?.data[0] ?? []
    const zoomed = scale?.min != null && (scale.min > (data[0] ?? 0) || scale.max !== data.at(-1))
    plot.current?.setData(aligned.columns, !zoomed || steps.length < 2)
    if (zoomed) plot.current?.redraw()
  }, [group, width, scheme])

  return (
    <div ref={ref} style={{ minHeight: HEIGHT, minWidth: 0 }}>
      <div ref={holder} role="img" aria-label={describe(group)} />
    </div>
  )
}

function chartOptions(
  names: string[],
  width: number,
  palette: Palette,
  markers: { current: Marker[] },
): uPlot.Options {
  const line = { stroke: palette.grid, width: 1 }
  const axis = { stroke: palette.text, grid: line, ticks: line }
  const font = '12px system-ui, sans-serif'
  return {
    width,
    height: HEIGHT,
    padding: [8, 14, 0, 0],
    scales: { x: { time: false } },
    cursor: { y: false },
    axes: [
      { ...axis, font, size: 32, incrs: WHOLE_STEPS },
      { ...axis, font, size: 62, values: (_, ticks) => ticks.map((tick) => tickLabel(tick)) },
    ],
    series: [
      { label: 'step', value: (plot, step: number | null) => String(step ?? plot.data[0].at(-1) ?? '–') },
      ...names.map((name) => lineOptions(name, palette)),
    ],
    plugins: [markersPlugin(markers)],
  }
}

function lineOptions(name: string, palette: Palette): uPlot.Series {
  const stroke = palette.lines[splitIndex(name)] ?? palette.other
  return {
    label: name,
    stroke,
    width: 2,
    points: { show: hasFewPoints, size: 6, fill: stroke },
    value: (plot, value: number | null, series, at) => legendValue(plot, value, series, at),
  }
}

/** Points are drawn where a line alone would hide them, or where there are one or two. */
function hasFewPoints(plot: uPlot, series: number): boolean {
  const values = Array.from(plot.data[series] ?? [])
  return values.filter((value) => value != null).length <= 30
}

/** The value under the pointer; the last one where the pointer is elsewhere. */
function legendValue(
  plot: uPlot,
  value: number | null,
  series: number,
  at: number | null,
): string {
  const shown = at === null ? Array.from(plot.data[series] ?? []).findLast(isNumber) : value
  return isNumber(shown) ? formatMetric(shown) : '–'
}

const isNumber = (value: unknown): value is number => typeof value === 'number'

function tickLabel(tick: number): string {
  const size = Math.abs(tick)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return tick.toExponential(0)
  return String(Number(tick.toPrecision(6)))
}

function describe({ title, series }: ChartGroup): string {
  const last = series.map((one) => `${one.name} ${formatMetric(one.values.at(-1) ?? NaN)}`)
  return `Chart of ${title}. Last: ${last.join(', ')}.`
}
