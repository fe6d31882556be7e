// What is drawn, as the server takes it: prompts, or the ends of an object; or what to draw instead.
import type { VolumeAbout } from './api'
import type { Place } from './brush'
import type { Plane } from './geometry'
import type { Tool } from './keys'

/** Something drawn on a slice: two points, or one twice, in columns and rows of the plane. */
export interface Stroke {
  plane: Plane
  slice: number
  from: Place
  to: Place
  /** All points on the way. */
  path: Place[]
  /** The axis drawn before this one, where two make one thing. */
  first?: Stroke
}

/** The action that a stroke means for an object; a text where it means none. */
export function actionOf(tool: Tool, stroke: Stroke, label: number, main: Plane, volume: VolumeAbout): object | string {
  const { plane, slice, from, to, path, first } = stroke
  const { rows, columns } = volume.planes[plane]
  const clip = ({ x, y }: Place) => [Math.max(0, Math.min(columns - 1, x)), Math.max(0, Math.min(rows - 1, y))]
  const fine = (numbers: number[]) => numbers.map((v) => Math.round(v * 100) / 100)
  const adding = (kind: string, more: object) => ({ action: 'add_prompts', prompts: [{ kind, label, plane, slice, ...more }] })
  const [a, b] = [clip(from), clip(to)]
  const long = Math.hypot(a[0] - b[0], a[1] - b[1]) >= 2
  if (tool === 'box') {
    const box = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])].map(Math.round)
    if (box[2] - box[0] < 2 || box[3] - box[1] < 2) return 'Drag a box around the object, from one corner to the other.'
    if (plane === main) return adding('box', { box_xyxy: box })
    return { action: 'set_extent', extent: { label, plane: main, drawn: { plane, slice, box_xyxy: box } } }
  }
  if (tool === 'line') return long ? adding('line', { line_xyxy: fine([...a, ...b]) }) : 'Drag from one end of the longest diameter to the other.'
  if (tool === 'recist') {
    if (!long || !first) return 'Drag from one end of an axis to the other.'
    return adding('recist', { axes_xyxy: fine([...clip(first.from), ...clip(first.to), ...a, ...b]) })
  }
  if (tool.startsWith('scribble')) {
    const points = path.map(clip).filter(([x, y], n, all) => !n || Math.hypot(x - all[n - 1][0], y - all[n - 1][1]) > 0.01)
    return adding('scribble', { path_xy: fine(points.flat()), width: 3, positive: tool === 'scribble+' })
  }
  return adding('point', { point_xy: b.map(Math.round), positive: tool !== 'point-' })
}
