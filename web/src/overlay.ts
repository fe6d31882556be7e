// What lies over the image: prompts, what is being drawn, and the pointer.
import type { Extent, Label, Prompt } from './api'
import type { Plane } from './geometry'
import { type Tile, type Viewer, placeAt, pointOf } from './viewer'

export const TOOLS = ['look', 'box', 'point+', 'point-', 'line', 'stroke+', 'stroke-'] as const
export type Tool = (typeof TOOLS)[number]

/** Something drawn on a slice: two points, or one twice, in columns and rows of the plane. */
export interface Stroke {
  plane: Plane
  slice: number
  from: { x: number; y: number }
  to: { x: number; y: number }
  /** All points on the way. */
  path: { x: number; y: number }[]
}

export interface Events {
  tool: () => Tool
  drawn: (stroke: Stroke) => void
  windowed: (dx: number, dy: number, done: boolean) => void
  moved: (plane: Plane) => void
}

const SVG = 'http://www.w3.org/2000/svg'

export class Overlay {
  prompts: Prompt[] = []
  extents: Extent[] = []
  labels: Label[] = []
  current = 1
  hidden = false
  private stroke: { tile: Tile; path: [number, number][] } | null = null

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly viewer: Viewer,
    private readonly events: Events,
  ) {
    svg.addEventListener('contextmenu', (event) => event.preventDefault())
    svg.addEventListener('wheel', (event) => this.wheel(event), { passive: false })
    svg.addEventListener('pointerdown', (event) => this.down(event))
  }

  private at(event: MouseEvent): [number, number] {
    const { left, top } = this.svg.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault()
    const tile = this.viewer.tileAt(...this.at(event))
    if (!tile || tile.plane === '3D' || event.deltaY === 0) return
    if (event.ctrlKey) return this.viewer.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, placeAt(tile, ...this.at(event)))
    this.viewer.go(tile.plane, this.viewer.slice(tile.plane) - Math.sign(event.deltaY))
    this.events.moved(tile.plane)
  }

  private down(event: PointerEvent): void {
    const start = this.at(event)
    const hit = this.viewer.tileAt(...start)
    if (!hit) return
    let tile: Tile = hit
    event.preventDefault()
    this.svg.setPointerCapture(event.pointerId)
    const windowing = event.button === 2
    const panning = event.button === 1 && tile.plane !== '3D'
    const tool = this.events.tool()
    let last = start
    const path = [start]
    const move = (next: PointerEvent) => {
      if (panning) tile = this.viewer.tiles().find((one) => one.plane === tile.plane) ?? tile

      const here = this.at(next)
      if (windowing) this.events.windowed(here[0] - last[0], here[1] - last[1], false)
      else if (panning) this.viewer.pan(placeAt(tile, ...last), placeAt(tile, ...here))
      else if (tile.plane === '3D') this.viewer.rotate(here[0] - last[0], here[1] - last[1])
      else if (tool === 'look') this.look(tile, here)
      else {
        path.push(this.inside(tile, here))
        this.stroke = { tile, path }
      }
      last = here
      this.draw()
    }
    const up = (next: PointerEvent) => {
      this.svg.removeEventListener('pointermove', move)
      this.svg.removeEventListener('pointerup', up)
      this.svg.removeEventListener('pointercancel', cancel)
      this.stroke = null
      if (windowing) this.events.windowed(0, 0, true)
      else if (!panning && tile.plane !== '3D' && tool !== 'look') this.finish(tile, [...path, this.inside(tile, this.at(next))])
      this.draw()
    }
    const cancel = () => {
      this.svg.removeEventListener('pointermove', move)
      this.svg.removeEventListener('pointerup', up)
      this.stroke = null
      this.draw()
    }
    this.svg.addEventListener('pointermove', move)
    this.svg.addEventListener('pointerup', up)
    this.svg.addEventListener('pointercancel', cancel, { once: true })
    if (!windowing && !panning && tile.plane !== '3D' && tool === 'look') this.look(tile, start)
  }

  private look(tile: Tile, at: [number, number]): void {
    this.viewer.goTo(placeAt(tile, ...this.inside(tile, at)))
    this.events.moved(tile.plane as Plane)
  }

  private inside(tile: Tile, [x, y]: [number, number]): [number, number] {
    return [
      Math.max(tile.left, Math.min(tile.left + tile.width, x)),
      Math.max(tile.top, Math.min(tile.top + tile.height, y)),
    ]
  }

  private finish(tile: Tile, points: [number, number][]): void {
    const plane = tile.plane as Plane
    const geometry = this.viewer.geometry
    const path = points.map((point) => geometry.inPlane(plane, geometry.toArray(placeAt(tile, ...point))))
    this.events.drawn({ plane, slice: Math.round(path[0].slice), from: path[0], to: path[path.length - 1], path })
  }

  draw(): void {
    this.svg.replaceChildren()
    for (const tile of this.viewer.tiles()) {
      if (tile.plane === '3D') continue
      const slice = this.viewer.slice(tile.plane)
      const count = this.viewer.geometry.slices(tile.plane)
      this.add('text', { x: tile.left + tile.width - 8, y: tile.top + tile.height - 9, 'text-anchor': 'end' }).textContent =
        `${tile.plane} ${slice + 1} / ${count}`
      if (this.hidden) continue
      for (const prompt of this.prompts) {
        if (prompt.plane === tile.plane && prompt.slice === slice) this.prompt(tile, prompt)
      }
    }
    if (this.stroke) this.shape(this.stroke)
  }

  private prompt(tile: Tile, prompt: Prompt): void {
    const color = this.labels.find((label) => label.value === prompt.label)?.color ?? '#e69f00'
    const style = { stroke: color, fill: 'none', 'stroke-width': prompt.label === this.current ? 2 : 1.2 }
    const at = (x: number, y: number) =>
      pointOf(tile, this.viewer.geometry.toShown(this.viewer.geometry.fromPlane(tile.plane as Plane, prompt.slice, x, y)))
    if (prompt.box_xyxy) {
      const [x0, y0, x1, y1] = prompt.box_xyxy
      const [a, b] = [at(x0 - 0.5, y0 - 0.5), at(x1 + 0.5, y1 + 0.5)]
      this.rectangle(a, b, { ...style, 'stroke-dasharray': '5 3' })
    } else if (prompt.line_xyxy) {
      const [x0, y0, x1, y1] = prompt.line_xyxy
      const [a, b] = [at(x0, y0), at(x1, y1)]
      this.add('line', { x1: a[0], y1: a[1], x2: b[0], y2: b[1], ...style })
    } else if (prompt.path_xy) {
      const path = prompt.path_xy
      const points = path.flatMap((_, n) => (n % 2 ? [] : [at(path[n], path[n + 1]).join(',')])).join(' ')
      this.add('polyline', { points, ...style, 'stroke-dasharray': prompt.positive ? 'none' : '3 3' })
    } else if (prompt.point_xy) {
      const [x, y] = at(prompt.point_xy[0], prompt.point_xy[1])
      this.add('circle', { cx: x, cy: y, r: 6, fill: '#000a', stroke: color, 'stroke-width': 2 })
      this.add('line', { x1: x - 3, y1: y, x2: x + 3, y2: y, stroke: '#fff', 'stroke-width': 1.6 })
      if (prompt.positive) this.add('line', { x1: x, y1: y - 3, x2: x, y2: y + 3, stroke: '#fff', 'stroke-width': 1.6 })
    }
  }

  private shape({ tile, path }: { tile: Tile; path: [number, number][] }): void {
    const [from, to] = [path[0], path[path.length - 1]]
    const style = { stroke: '#fff', fill: 'none', 'stroke-width': 1.5 }
    const tool = this.events.tool()
    if (tool.startsWith('stroke')) this.add('polyline', { points: path.map((p) => p.join(',')).join(' '), ...style })
    if (tool === 'box') this.rectangle(from, to, style)
    if (tool !== 'line') return
    this.add('line', { x1: from[0], y1: from[1], x2: to[0], y2: to[1], ...style })
    const geometry = this.viewer.geometry
    const [a, b] = [from, to].map((p) => geometry.inPlane(tile.plane as Plane, geometry.toArray(placeAt(tile, ...p))))
    const [row, column] = geometry.spacing(tile.plane as Plane)
    const length = Math.hypot((a.x - b.x) * column, (a.y - b.y) * row)
    this.add('text', { x: to[0] + 8, y: to[1] - 6 }).textContent = `${length.toFixed(1)} mm`
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
