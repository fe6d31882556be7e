// Mouse, pen and fingers over the image: what they turn, move and draw.
import type { Place } from './brush'
import type { Plane } from './geometry'
import type { Tool } from './keys'
import type { Overlay } from './overlay'
import type { Stroke } from './prompts'
import { type Tile, type Viewer, placeAt } from './viewer'

type XY = [number, number]

export interface Events {
  tool: () => Tool
  drawn: (tool: Tool, stroke: Stroke, takeAway: boolean) => void
  /** A brush goes from one place to the next; the first time the same place twice. */
  painted: (plane: Plane, slice: number, from: Place, to: Place) => void
  /** It was lifted; or what it painted is not meant. */
  lifted: (forget: boolean) => void
  windowed: (dx: number, dy: number, done: boolean) => void
  moved: (plane: Plane) => void
}

/** What a pointer does until it is lifted. */
interface Gesture {
  move: (at: XY) => void
  end: (at: XY) => void
  forget: () => void
}

const IDLE: Gesture = { move: () => {}, end: () => {}, forget: () => {} }
/** Pixels: a finger that moved less was a tap. */
const TAP = 10
/** Pixels of a tile's edge in which a finger turns slices, whatever the tool. */
export const EDGE = 34
const PAINTING: Tool[] = ['brush', 'eraser']
/** With these, a finger that drags turns slices; with the others it draws. */
const TURNING: Tool[] = ['look', 'point+', 'point-']

export class Pointing {
  private readonly fingers = new Map<number, XY>()
  private gesture: Gesture = IDLE
  private owner: number | null = null

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly viewer: Viewer,
    private readonly overlay: Overlay,
    readonly events: Events,
  ) {
    svg.addEventListener('contextmenu', (event) => event.preventDefault())
    svg.addEventListener('wheel', (event) => this.wheel(event), { passive: false })
    svg.addEventListener('pointerdown', (event) => this.down(event))
    svg.addEventListener('pointermove', (event) => this.move(event))
    svg.addEventListener('pointerup', (event) => this.up(event, false))
    svg.addEventListener('pointercancel', (event) => this.up(event, true))
    svg.addEventListener('pointerleave', () => overlay.hover(null))
  }

  private at(event: MouseEvent): XY {
    const { left, top } = this.svg.getBoundingClientRect()
    return [event.clientX - left, event.clientY - top]
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault()
    const tile = this.viewer.tileAt(...this.at(event))
    if (!tile || tile.plane === '3D' || event.deltaY === 0) return
    if (event.ctrlKey) return this.viewer.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, placeAt(tile, ...this.at(event)))
    this.turn(tile.plane, -Math.sign(event.deltaY))
  }

  private turn(plane: Plane, by: number): void {
    this.viewer.go(plane, this.viewer.slice(plane) + by)
    this.events.moved(plane)
  }

  private down(event: PointerEvent): void {
    const at = this.at(event)
    event.preventDefault()
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur() // what was typed counts
    this.svg.setPointerCapture(event.pointerId)
    if (event.pointerType === 'touch') {
      this.fingers.set(event.pointerId, at)
      this.overlay.hover(null)
      if (this.fingers.size > 1) return this.pinch()
    }
    if (this.owner !== null) return
    const tile = this.viewer.tileAt(...at)
    if (!tile) return
    this.owner = event.pointerId
    this.gesture = this.begin(event, tile, at)
  }

  private move(event: PointerEvent): void {
    const at = this.at(event)
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, at)
    else if (this.owner === null) this.overlay.hover(PAINTING.includes(this.events.tool()) ? at : null)
    if (this.fingers.size > 1 || event.pointerId === this.owner) this.gesture.move(at)
  }

  private up(event: PointerEvent, forget: boolean): void {
    this.fingers.delete(event.pointerId)
    if (event.pointerId === this.owner) {
      const { gesture } = this
      this.gesture = IDLE
      this.owner = null
      if (forget) gesture.forget()
      else gesture.end(this.at(event))
    }
    if (this.fingers.size > 1) this.pinch()
  }

  /** Two fingers: what was under them stays under them. */
  private pinch(): void {
    this.gesture.forget()
    this.gesture = IDLE
    this.owner = null
    let [a, b] = this.two()
    const tile = this.viewer.tileAt((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    if (!tile || tile.plane === '3D') return
    this.gesture = {
      ...IDLE,
      move: () => {
        const now = this.viewer.tiles().find((one) => one.plane === tile.plane)
        // Places are those of the picture on the screen: fingers wait for the next one.
        if (!now || this.fingers.size < 2 || this.viewer.waiting) return
        const [c, d] = this.two()
        const [from, to] = [middle(a, b), middle(c, d)]
        const grown = Math.hypot(c[0] - d[0], c[1] - d[1]) / Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]))
        const [under, over] = [placeAt(now, ...from), placeAt(now, ...to)]
        this.viewer.pan(under, over)
        this.viewer.zoomBy(grown, under)
        ;[a, b] = [c, d]
      },
    }
  }

  private two(): [XY, XY] {
    const [a, b] = [...this.fingers.values()]
    return [a, b]
  }

  private begin(event: PointerEvent, tile: Tile, start: XY): Gesture {
    const { plane } = tile
    const tool = this.events.tool()
    if (event.button === 2) return this.windowing(start)
    if (plane === '3D') return this.turning(start)
    if (event.button === 1) return this.moving(tile, start)
    if (event.pointerType === 'touch') {
      if (start[0] > tile.left + tile.width - EDGE) return this.sliding(tile, plane)
      if (TURNING.includes(tool)) return this.leafing(tile, plane, start, tool)
    }
    if (tool === 'look') return this.looking(tile, plane, start)
    if (PAINTING.includes(tool)) return this.painting(tile, plane, start)
    return this.drawing(tile, plane, start, tool, event)
  }

  private windowing(start: XY): Gesture {
    let last = start
    const move = (at: XY) => {
      this.events.windowed(at[0] - last[0], at[1] - last[1], false)
      last = at
    }
    return { move, end: () => this.events.windowed(0, 0, true), forget: () => {} }
  }

  private turning(start: XY): Gesture {
    let last = start
    const move = (at: XY) => {
      this.viewer.rotate(at[0] - last[0], at[1] - last[1])
      last = at
    }
    return { ...IDLE, move }
  }

  private moving(tile: Tile, start: XY): Gesture {
    let last = start
    const move = (at: XY) => {
      const now = this.viewer.tiles().find((one) => one.plane === tile.plane) ?? tile
      this.viewer.pan(placeAt(now, ...last), placeAt(now, ...at))
      last = at
    }
    return { ...IDLE, move }
  }

  /** Up and down goes through the slices; a tap is a point, or a place to go to. */
  private leafing(tile: Tile, plane: Plane, start: XY, tool: Tool): Gesture {
    const step = Math.max(5, Math.min(24, tile.height / this.viewer.geometry.slices(plane)))
    const first = this.viewer.slice(plane)
    let most = 0
    const move = (at: XY) => {
      most = Math.max(most, Math.hypot(at[0] - start[0], at[1] - start[1]))
      if (most < TAP) return
      this.viewer.go(plane, first - Math.trunc((at[1] - start[1]) / step))
      this.events.moved(plane)
    }
    const end = () => {
      if (most >= TAP) return
      if (tool === 'look') this.look(tile, plane, start)
      else this.finish(tool, tile, plane, [start, start], false)
    }
    return { move, end, forget: () => {} }
  }

  /** A finger at the edge: the slice at its height, the highest on top. */
  private sliding(tile: Tile, plane: Plane): Gesture {
    const move = ([, y]: XY) => {
      const part = 1 - Math.max(0, Math.min(1, (y - tile.top) / tile.height))
      this.viewer.go(plane, Math.round(part * (this.viewer.geometry.slices(plane) - 1)))
      this.events.moved(plane)
    }
    return { move, end: move, forget: () => {} }
  }

  private looking(tile: Tile, plane: Plane, start: XY): Gesture {
    this.look(tile, plane, start)
    return { ...IDLE, move: (at) => this.look(tile, plane, at) }
  }

  private look(tile: Tile, plane: Plane, at: XY): void {
    this.viewer.goTo(placeAt(tile, ...inside(tile, at)))
    this.events.moved(plane)
  }

  private painting(tile: Tile, plane: Plane, start: XY): Gesture {
    const place = (at: XY) => this.place(tile, plane, inside(tile, at))
    let last = place(start)
    const slice = Math.round(last.slice)
    this.events.painted(plane, slice, last, last)
    const move = (at: XY) => {
      const here = place(at)
      this.events.painted(plane, slice, last, here)
      last = here
      this.overlay.hover(at)
    }
    return { move, end: () => this.events.lifted(false), forget: () => this.events.lifted(true) }
  }

  private drawing(tile: Tile, plane: Plane, start: XY, tool: Tool, event: PointerEvent): Gesture {
    const path = [start]
    const touch = event.pointerType === 'touch'
    const draw = (points: XY[] | null) => {
      this.overlay.stroke = points && { tile, tool, path: points }
      this.overlay.draw()
    }
    const move = (at: XY) => {
      path.push(inside(tile, at))
      draw(path)
    }
    const end = (at: XY) => {
      path.push(inside(tile, at))
      draw(null)
      const tapped = touch && tool === 'box' && path.every(([x, y]) => Math.hypot(x - start[0], y - start[1]) < TAP)
      this.finish(tapped ? 'point+' : tool, tile, plane, tapped ? [start, start] : path, event.altKey)
    }
    return { move, end, forget: () => draw(null) }
  }

  private place(tile: Tile, plane: Plane, at: XY): { slice: number; x: number; y: number } {
    const { geometry } = this.viewer
    return geometry.inPlane(plane, geometry.toArray(placeAt(tile, ...at)))
  }

  private finish(tool: Tool, tile: Tile, plane: Plane, points: XY[], takeAway: boolean): void {
    const path = points.map((point) => this.place(tile, plane, point))
    const stroke = { plane, slice: Math.round(path[0].slice), from: path[0], to: path[path.length - 1], path }
    this.events.drawn(tool, stroke, takeAway)
  }
}

function middle(a: XY, b: XY): XY {
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
}

function inside(tile: Tile, [x, y]: XY): XY {
  return [Math.max(tile.left, Math.min(tile.left + tile.width, x)), Math.max(tile.top, Math.min(tile.top + tile.height, y))]
}
