// The image: NiiVue draws three planes and 3D; where the pointer is, and where voxels are, is reckoned here.
import { Niivue, SHOW_RENDER, SLICE_TYPE } from '@niivue/niivue'
import type { Label, VolumeAbout } from './api'
import { Bitmap } from './bitmap'
import { Geometry, PLANES, type Plane, SHOWN_AXIS } from './geometry'

export const LAYOUTS = ['all', 'axial', 'coronal', 'sagittal', '3D'] as const
export type Layout = (typeof LAYOUTS)[number]

const MOST_ZOOM = 16
/** Of what an outline holds; what is not drawn at all has no outline. */
const OUTLINED = 0.01
const NEW = '#e69f00'

const TYPES: Record<Layout, SLICE_TYPE> = {
  all: SLICE_TYPE.MULTIPLANAR,
  axial: SLICE_TYPE.AXIAL,
  coronal: SLICE_TYPE.CORONAL,
  sagittal: SLICE_TYPE.SAGITTAL,
  '3D': SLICE_TYPE.RENDER,
}

/** One plane's rectangle on the screen, and the way between its points and places in the volume. */
export interface Tile {
  plane: Plane | '3D'
  left: number
  top: number
  width: number
  height: number
  /** Place as shown (i, j, k) of the rectangle's corner, and the steps of one pixel to the right and down. */
  origin: number[]
  right: number[]
  down: number[]
}

export class Viewer {
  readonly nv: Niivue
  geometry!: Geometry
  bitmap!: Bitmap
  /** Called after each drawing. */
  drawn: () => void = () => {}
  /** Whether a picture is to be drawn. */
  waiting = false
  private stale = false
  private uncolored = false
  private seen = 0.5
  private known: Label[] = []
  private outlined = false
  private place = [0, 0, 0]
  private own: Plane = 'axial'

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.nv = new Niivue({
      interactive: false,
      logLevel: 'error',
      loadingText: '',
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      isCornerOrientationText: true,
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      tileMargin: 2,
      crosshairColor: [0.36, 0.56, 1, 0.55],
      crosshairWidth: 0.35,
      crosshairWidthUnit: 'voxels',
      crosshairGap: 8,
      fontColor: [0.62, 0.66, 0.73, 1],
      backColor: [0, 0, 0, 1],
      isResizeCanvas: true,
    } as any)
  }

  async begin(): Promise<void> {
    await this.nv.attachToCanvas(this.canvas, true)
    new ResizeObserver(() => this.draw()).observe(this.canvas)
  }

  async open(voxels: ArrayBuffer, about: VolumeAbout): Promise<void> {
    while (this.nv.volumes.length) this.nv.removeVolume(this.nv.volumes[0])
    await this.nv.loadFromArrayBuffer(voxels, 'volume.nii')
    this.geometry = new Geometry(about)
    this.bitmap = new Bitmap(this.geometry)
    this.bitmap.grown = () => (this.uncolored = true)
    this.nv.createEmptyDrawing()
    this.nv.drawBitmap = this.bitmap.voxels
    this.looks()
    this.place = this.geometry.shown.map((n) => Math.floor(n / 2))
    this.own = about.plane as Plane
    this.nv.scene.pan2Dxyzmm = [0, 0, 0, 1] as any
    this.setLayout('all')
    this.labels()
  }

  setWindow([center, width]: [number, number]): void {
    const [volume] = this.nv.volumes
    if (!volume) return
    volume.cal_min = center - width / 2
    volume.cal_max = center + width / 2
    this.nv.updateGLVolume()
    this.draw()
  }

  setColors(labels: Label[]): void {
    this.known = labels
    this.uncolored = true
    this.labels()
  }

  /** Each number's colour; of several objects at one voxel, the one that is seen as much as those beneath it. */
  private colorAll(): void {
    const lut = new Uint8ClampedArray(256 * 4)
    this.bitmap.stacks.forEach((stack, number) => {
      if (!number) return
      const [seen, ...beneath] = stack.map((label) => {
        const color = this.known.find(({ value }) => value === label)?.color ?? NEW
        return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))
      })
      const mixed = seen.map((v, n) => beneath.reduce((sum, one) => sum + one[n] / (2 * beneath.length), beneath.length ? v / 2 : v))
      lut.set([...mixed, 255], 4 * number)
    })
    this.nv.drawLut = { lut, labels: Array.from({ length: 256 }, (_, n) => `${n}`) } as any
    this.nv.updateGLVolume()
    this.uncolored = false
  }

  setLayout(layout: Layout): void {
    // The plane in which the slices were acquired is the one that is drawn on; the others stand beside it.
    const beside = [...PLANES.filter((plane) => plane !== this.own), '3D' as const]
    const [wide, high] = [0.62, 1 / beside.length]
    if (layout === 'all') {
      this.nv.setCustomLayout([
        { sliceType: TYPES[this.own], position: [0, 0, wide, 1] },
        ...beside.map((one, n) => ({
          sliceType: TYPES[one],
          position: [wide, n * high, 1 - wide, high] as [number, number, number, number],
        })),
      ])
    } else this.nv.clearCustomLayout()
    this.nv.setSliceType(TYPES[layout])
    this.draw()
  }

  /** How much objects cover the image, and whether they are outlines. */
  looks(hidden = false): void {
    this.nv.drawRimOpacity = hidden || !this.outlined ? -1 : 1
    this.nv.setDrawOpacity(hidden ? 0 : this.outlined ? OUTLINED : this.seen)
    this.draw()
  }

  turnOutline(): void {
    this.outlined = !this.outlined
    this.looks()
  }

  changeOpacity(by: number): void {
    this.seen = Math.round(Math.max(0.1, Math.min(1, this.seen + by)) * 10) / 10
    this.looks()
  }

  slice(plane: Plane): number {
    return this.geometry.inPlane(plane, this.geometry.toArray(this.place)).slice
  }

  /** The place of the crosshair as an index of the array. */
  get zyx(): number[] {
    return this.geometry.toArray(this.place)
  }

  go(plane: Plane, slice: number): void {
    const count = this.geometry.slices(plane)
    const zyx = this.zyx
    const { x, y } = this.geometry.inPlane(plane, zyx)
    this.goTo(this.geometry.toShown(this.geometry.fromPlane(plane, Math.max(0, Math.min(count - 1, slice)), x, y)))
  }

  goTo(ijk: number[]): void {
    this.place = ijk.map((at, n) => Math.max(0, Math.min(this.geometry.shown[n] - 1, Math.round(at))))
    this.draw()
  }

  rotate(dx: number, dy: number): void {
    const { renderAzimuth, renderElevation } = this.nv.scene
    this.nv.setRenderAzimuthElevation(renderAzimuth - dx / 2, Math.max(-90, Math.min(90, renderElevation + dy / 2)))
    this.drawn()
  }

  /** Zoom in, or out to the whole slices; what lies at a place stays where it is on the screen. */
  zoomBy(factor: number, ijk: number[]): void {
    const [x, y, z, zoom] = this.nv.scene.pan2Dxyzmm
    const next = Math.max(1, Math.min(MOST_ZOOM, zoom * factor))
    if (next === 1) return this.whole()
    const mm = this.mm(ijk)
    this.nv.scene.pan2Dxyzmm = [x, y, z].map((pan, n) => pan + mm[n] * (zoom - next)).concat(next) as any
    this.draw()
  }

  /** Move the image, so that what was at one place is shown where the other was. */
  pan(from: number[], to: number[]): void {
    const [a, b] = [this.mm(from), this.mm(to)]
    const [x, y, z, zoom] = this.nv.scene.pan2Dxyzmm
    this.nv.scene.pan2Dxyzmm = [x, y, z].map((pan, n) => pan + (b[n] - a[n]) * zoom).concat(zoom) as any
    this.draw()
  }

  /** Zoom to a block of the volume as shown, with as much around it; once more, and all is shown. */
  zoomTo(low: number[], high: number[]): void {
    if (this.nv.scene.pan2Dxyzmm[3] > 1) return this.whole()
    const middle = low.map((at, n) => (at + high[n]) / 2)
    const part = Math.max(...low.map((at, n) => (high[n] - at + 1) / this.geometry.shown[n]))
    const zoom = Math.max(1, Math.min(MOST_ZOOM, 0.4 / part))
    const [mm, center] = [this.mm(middle), this.mm(this.geometry.shown.map((n) => (n - 1) / 2))]
    this.nv.scene.pan2Dxyzmm = center.map((at, n) => at - mm[n] * zoom).concat(zoom) as any
    this.draw()
  }

  /** Whole slices. */
  whole(): void {
    this.nv.scene.pan2Dxyzmm = [0, 0, 0, 1] as any
    this.draw()
  }

  private mm(ijk: number[]): number[] {
    return Array.from(this.nv.frac2mm(ijk.map((at, n) => (at + 0.5) / this.geometry.shown[n]) as any)).slice(0, 3)
  }

  /** Labels changed: they are drawn with the next picture. */
  labels(): void {
    this.stale = true
    this.draw()
  }

  draw(): void {
    if (this.waiting) return
    this.waiting = true
    requestAnimationFrame(() => {
      this.waiting = false
      if (!this.nv.volumes.length) return
      this.nv.scene.crosshairPos = this.place.map((at, n) => (at + 0.5) / this.geometry.shown[n]) as any
      if (this.uncolored) this.colorAll()
      if (this.stale) this.nv.refreshDrawing(false)
      this.stale = false
      this.nv.drawScene()
      this.drawn()
    })
  }

  tiles(): Tile[] {
    const scale = this.canvas.width / this.canvas.clientWidth
    const out: Tile[] = []
    this.nv.screenSlices.forEach(({ leftTopWidthHeight, axCorSag }, index) => {
      const [left, top, width, height] = leftTopWidthHeight
      const plane = PLANES.find((one) => TYPES[one] === axCorSag) ?? '3D'
      const at = (x: number, y: number) => {
        // Beyond the volume's edge as well: a tile that is zoomed may hold only a corner of it.
        const frac = Array.from(this.nv.screenXY2TextureFrac(left + x * width, top + y * height, index, false))
        return frac.map((f, n) => f * this.geometry.shown[n] - 0.5)
      }
      let [origin, right, down] = [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
      if (plane !== '3D') {
        const [a, b, c] = [at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75)]
        right = a.map((v, n) => ((b[n] - v) / (0.5 * width)) * scale)
        down = a.map((v, n) => ((c[n] - v) / (0.5 * height)) * scale)
        origin = a.map((v, n) => v - (0.25 * width * right[n]) / scale - (0.25 * height * down[n]) / scale)
        origin[SHOWN_AXIS[plane]] = this.place[SHOWN_AXIS[plane]]
        right[SHOWN_AXIS[plane]] = down[SHOWN_AXIS[plane]] = 0
      }
      const [l, t, w, h] = [left, top, width, height].map((v) => v / scale)
      out.push({ plane, left: l, top: t, width: w, height: h, origin, right, down })
    })
    return out
  }

  tileAt(x: number, y: number): Tile | undefined {
    return this.tiles().find((t) => x >= t.left && y >= t.top && x < t.left + t.width && y < t.top + t.height)
  }
}

/** Place as shown (i, j, k) under a point of the screen. */
export function placeAt(tile: Tile, x: number, y: number): number[] {
  return tile.origin.map((v, n) => v + (x - tile.left) * tile.right[n] + (y - tile.top) * tile.down[n])
}

/** Point of the screen over a place as shown. */
export function pointOf(tile: Tile, ijk: number[]): [number, number] {
  const across = tile.right.findIndex((v, n) => Math.abs(v) === Math.max(...tile.right.map(Math.abs)) && n >= 0)
  const along = tile.down.findIndex((v) => Math.abs(v) === Math.max(...tile.down.map(Math.abs)))
  return [
    tile.left + (ijk[across] - tile.origin[across]) / tile.right[across],
    tile.top + (ijk[along] - tile.origin[along]) / tile.down[along],
  ]
}
