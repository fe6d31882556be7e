// What lies over the image: prompts, ends of objects, what is being drawn, and the brush.
import type { Extent, Label, Prompt } from './api'
import type { Proposal } from './finding'
import { type Plane, SHOWN_AXIS } from './geometry'
import type { Tool } from './keys'
import { EDGE } from './pointing'
import type { Stroke } from './prompts'
import { type Tile, type Viewer, placeAt, pointOf } from './viewer'

const SVG = 'http://www.w3.org/2000/svg'
const SAID = '#ffd54a'
const DRAWN = { stroke: '#fff', fill: 'none', 'stroke-width': 1.5 }

export class Overlay {
  prompts: Prompt[] = []
  extents: Extent[] = []
  labels: Label[] = []
  /** Boxes that a finder proposes; nothing is drawn of them before they are accepted. */
  proposals: Proposal[] = []
  current = 1
  hidden = false
  /** What is being drawn. */
  stroke: { tile: Tile; tool: Tool; path: [number, number][] } | null = null
  /** The first axis of two. */
  first: Stroke | null = null
  /** How wide the brush is. */
  brush_mm = 0
  private pointer: [number, number] | null = null
  private readonly coarse = window.matchMedia('(pointer: coarse)')

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly viewer: Viewer,
  ) {}

  /** Where the brush is held, or null. */
  hover(at: [number, number] | null): void {
    if (!at && !this.pointer) return
    this.pointer = at
    this.draw()
  }

  draw(): void {
    if (!this.viewer.geometry) return
    this.svg.replaceChildren()
    for (const tile of this.viewer.tiles()) {
      if (tile.plane === '3D') continue
      const slice = this.viewer.slice(tile.plane)
      this.slider(tile, tile.plane, slice)
      if (this.hidden) continue
      this.ends(tile, tile.plane)
      for (const prompt of this.prompts) {
        if (prompt.plane === tile.plane && prompt.slice === slice) this.prompt(tile, prompt)
      }
      for (const one of this.proposals) {
        if (one.plane === tile.plane && one.slice === slice) this.proposal(tile, one)
      }
      const { first } = this
      if (first && first.plane === tile.plane && first.slice === slice) {
        const [a, b] = [first.from, first.to].map(({ x, y }) => this.at(tile, slice, x, y))
        this.line(a, b, DRAWN)
      }
    }
    if (this.stroke) this.shape(this.stroke.tile, this.stroke.tool, this.stroke.path)
    if (this.pointer) this.circle(this.pointer)
  }

  /** Plane and slice in words; for fingers, a bar at the edge beside them. */
  private slider(tile: Tile, plane: Plane, slice: number): void {
    const count = this.viewer.geometry.slices(plane)
    const right = tile.left + tile.width - (this.coarse.matches ? EDGE : 8)
    this.add('text', { x: right, y: tile.top + tile.height - 9, 'text-anchor': 'end' }).textContent = `${plane} ${slice + 1} / ${count}`
    if (!this.coarse.matches || count < 2) return
    const [x, room] = [tile.left + tile.width - 10, tile.height - 24]
    const y = tile.top + 12 + room * (1 - slice / (count - 1))
    this.add('line', { x1: x, y1: tile.top + 12, x2: x, y2: tile.top + 12 + room, stroke: '#fff4', 'stroke-width': 3 })
    this.add('circle', { cx: x, cy: y, r: 7, fill: '#c9d2df', stroke: '#000', 'stroke-width': 1 })
  }

  private at(tile: Tile, slice: number, x: number, y: number): [number, number] {
    const { geometry } = this.viewer
    return pointOf(tile, geometry.toShown(geometry.fromPlane(tile.plane as Plane, slice, x, y)))
  }

  /** First and last slice of the object, as lines across the planes beside them. */
  private ends(tile: Tile, plane: Plane): void {
    const { geometry } = this.viewer
    for (const extent of this.extents) {
      if (extent.label !== this.current || extent.plane === plane) continue
      const of = extent.plane as Plane
      const here = geometry.inPlane(of, this.viewer.zyx)
      for (const [end, outwards] of [[extent.first, -0.5], [extent.last, 0.5]] as const) {
        if (end === null) continue
        const [x, y] = pointOf(tile, geometry.toShown(geometry.fromPlane(of, end + outwards, here.x, here.y)))
        const upright = tile.right[SHOWN_AXIS[of]] !== 0
        const [a, b] = upright
          ? [[x, tile.top], [x, tile.top + tile.height]]
          : [[tile.left, y], [tile.left + tile.width, y]]
        this.line(a, b, { stroke: SAID, 'stroke-width': 1.5, 'stroke-dasharray': '7 4' })
      }
      const { drawn } = extent
      if (drawn?.plane !== plane || drawn.slice !== this.viewer.slice(plane)) continue
      const [x0, y0, x1, y1] = drawn.box_xyxy
      const [a, b] = [this.at(tile, drawn.slice, x0 - 0.5, y0 - 0.5), this.at(tile, drawn.slice, x1 + 0.5, y1 + 0.5)]
      this.rectangle(a, b, { stroke: SAID, fill: 'none', 'stroke-width': 1.5 })
    }
  }

  private proposal(tile: Tile, { slice, box_xyxy: [x0, y0, x1, y1], name, score }: Proposal): void {
    const [a, b] = [this.at(tile, slice, x0 - 0.5, y0 - 0.5), this.at(tile, slice, x1 + 0.5, y1 + 0.5)]
    this.rectangle(a, b, { stroke: SAID, fill: 'none', 'stroke-width': 2 })
    const text = { x: Math.min(a[0], b[0]), y: Math.min(a[1], b[1]) - 6 }
    this.add('text', text).textContent = `${name}? ${score?.toFixed(2) ?? ''}`
  }

  private prompt(tile: Tile, prompt: Prompt): void {
    const color = this.labels.find((label) => label.value === prompt.label)?.color ?? '#e69f00'
    const style = { stroke: color, fill: 'none', 'stroke-width': prompt.label === this.current ? 2 : 1.2 }
    const at = (x: number, y: number) => this.at(tile, prompt.slice, x, y)
    if (prompt.box_xyxy) {
      const [x0, y0, x1, y1] = prompt.box_xyxy
      this.rectangle(at(x0 - 0.5, y0 - 0.5), at(x1 + 0.5, y1 + 0.5), { ...style, 'stroke-dasharray': '5 3' })
    } else if (prompt.line_xyxy ?? prompt.axes_xyxy) {
      const ends = (prompt.line_xyxy ?? prompt.axes_xyxy)!
      for (let n = 0; n < ends.length; n += 4) this.line(at(ends[n], ends[n + 1]), at(ends[n + 2], ends[n + 3]), style)
    } else if (prompt.path_xy) {
      const path = prompt.path_xy
      const points = path.flatMap((_, n) => (n % 2 ? [] : [at(path[n], path[n + 1]).join(',')])).join(' ')
      this.add('polyline', { points, ...style, 'stroke-dasharray': prompt.positive ? 'none' : '3 3' })
    } else if (prompt.point_xy) {
      const [x, y] = at(prompt.point_xy[0], prompt.point_xy[1])
      const sign = { stroke: '#fff', 'stroke-width': 1.6 }
      this.add('circle', { cx: x, cy: y, r: 6, fill: '#000a', stroke: color, 'stroke-width': 2 })
      this.line([x - 3, y], [x + 3, y], sign)
      if (prompt.positive) this.line([x, y - 3], [x, y + 3], sign)
    }
  }

  private shape(tile: Tile, tool: Tool, path: [number, number][]): void {
    const [from, to] = [path[0], path[path.length - 1]]
    const points = path.map((p) => p.join(',')).join(' ')
    if (tool.startsWith('scribble')) this.add('polyline', { points, ...DRAWN })
    if (tool === 'lasso') this.add('polygon', { points, ...DRAWN, 'stroke-dasharray': '4 3' })
    if (tool === 'box') this.rectangle(from, to, DRAWN)
    if (tool !== 'line' && tool !== 'recist') return
    this.line(from, to, DRAWN)
    const { geometry } = this.viewer
    const [a, b] = [from, to].map((p) => geometry.inPlane(tile.plane as Plane, geometry.toArray(placeAt(tile, ...p))))
    const [row, column] = geometry.spacing(tile.plane as Plane)
    const length = Math.hypot((a.x - b.x) * column, (a.y - b.y) * row)
    this.add('text', { x: to[0] + 8, y: to[1] - 6 }).textContent = `${length.toFixed(1)} mm`
  }

  /** The brush, as wide as it paints. */
  private circle([x, y]: [number, number]): void {
    const tile = this.viewer.tileAt(x, y)
    if (!tile || tile.plane === '3D') return
    const { geometry } = this.viewer
    const [row, column] = geometry.spacing(tile.plane)
    const [across, along] = [tile.right, tile.down].map((step) => {
      const { x: dx, y: dy } = geometry.inPlane(tile.plane as Plane, geometry.toArray(step.map((v) => v)))
      const zero = geometry.inPlane(tile.plane as Plane, geometry.toArray([0, 0, 0]))
      return Math.hypot((dx - zero.x) * column, (dy - zero.y) * row)
    })
    const radius = { rx: this.brush_mm / 2 / across, ry: this.brush_mm / 2 / along }
    this.add('ellipse', { cx: x, cy: y, ...radius, ...DRAWN })
  }

  private line(a: number[], b: number[], style: object): void {
    this.add('line', { x1: a[0], y1: a[1], x2: b[0], y2: b[1], ...style })
  }

  private rectangle(a: [number, number], b: [number, number], style: object): void {
    const [x, y] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])]
    this.add('rect', { x, y, width: Math.abs(a[0] - b[0]), height: Math.abs(a[1] - b[1]), ...style })
  }

  private add(name: string, attributes: object): SVGElement {
    const made = document.createElementNS(SVG, name)
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, `${value}`)
    this.svg.append(made)
    return made
  }
}
