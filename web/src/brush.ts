// An object's mask on one slice, painted by hand; it goes to the server as a prompt that is kept to the voxel.
import type { Bitmap } from './bitmap'
import type { Geometry, Plane } from './geometry'

export interface Place {
  x: number
  y: number
}

export class Painting {
  /** A byte a voxel, row by row. */
  readonly mask: Uint8Array
  private readonly before: Uint8Array
  /** For each number, the number with the object, and without it. */
  private readonly added = new Map<number, number>()
  private readonly taken = new Map<number, number>()
  private readonly rows: number
  private readonly columns: number

  constructor(
    private readonly bitmap: Bitmap,
    private readonly geometry: Geometry,
    readonly label: number,
    readonly plane: Plane,
    readonly slice: number,
    /** Whether an object may overlap. */
    private readonly shares: (label: number) => boolean,
  ) {
    ;[this.rows, this.columns] = geometry.size(plane)
    this.before = bitmap.of(plane, slice)
    const holding = bitmap.holding(label)
    this.mask = this.before.map((number) => holding[number])
  }

  /** Paint, or take away, from one place to the next: all voxels as near to the line as the brush is wide. */
  stroke(from: Place, to: Place, wide_mm: number, add: boolean): void {
    const [row, column] = this.geometry.spacing(this.plane)
    const half = wide_mm / 2
    const [dx, dy] = [(to.x - from.x) * column, (to.y - from.y) * row]
    const length = dx * dx + dy * dy
    const x0 = Math.max(0, Math.floor(Math.min(from.x, to.x) - half / column))
    const x1 = Math.min(this.columns - 1, Math.ceil(Math.max(from.x, to.x) + half / column))
    const y0 = Math.max(0, Math.floor(Math.min(from.y, to.y) - half / row))
    const y1 = Math.min(this.rows - 1, Math.ceil(Math.max(from.y, to.y) + half / row))
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const [px, py] = [(x - from.x) * column, (y - from.y) * row]
        const along = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0
        if (Math.hypot(px - along * dx, py - along * dy) <= half) this.mask[y * this.columns + x] = add ? 1 : 0
      }
    }
    // The voxel under the pointer is always meant, however small the brush.
    const [x, y] = [Math.round(to.x), Math.round(to.y)]
    if (x >= 0 && y >= 0 && x < this.columns && y < this.rows) this.mask[y * this.columns + x] = add ? 1 : 0
    this.show()
  }

  /** What an outline encloses belongs to the object, or no longer does; whether it encloses a voxel. */
  enclose(path: Place[], add: boolean): boolean {
    let found = false
    for (let y = 0; y < this.rows; y++) {
      const crossings: number[] = []
      path.forEach((a, n) => {
        const b = path[(n + 1) % path.length]
        if (a.y <= y !== b.y <= y) crossings.push(a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y))
      })
      crossings.sort((a, b) => a - b)
      for (let n = 0; n + 1 < crossings.length; n += 2) {
        const last = Math.min(this.columns - 1, Math.floor(crossings[n + 1]))
        for (let x = Math.max(0, Math.ceil(crossings[n])); x <= last; x++) {
          this.mask[y * this.columns + x] = add ? 1 : 0
          found = true
        }
      }
    }
    this.show()
    return found
  }

  /** Draw it. */
  show(): void {
    this.bitmap.put(this.plane, this.slice, this.before.map((was, n) => (this.mask[n] ? this.on(was) : this.off(was))))
  }

  /** The number of what is there with the object on top; the server then says what lies over what. */
  private on(was: number): number {
    let found = this.added.get(was)
    if (found === undefined) {
      const stack = this.bitmap.stacks[was]
      const rest = this.shares(this.label) ? stack : stack.filter(this.shares)
      found = stack.includes(this.label) ? was : this.bitmap.number(this.label, ...rest)
      this.added.set(was, found)
    }
    return found
  }

  private off(was: number): number {
    let found = this.taken.get(was)
    if (found === undefined) {
      found = this.bitmap.number(...this.bitmap.stacks[was].filter((label) => label !== this.label))
      this.taken.set(was, found)
    }
    return found
  }

  /** As if nothing had been painted. */
  forget(): void {
    this.bitmap.put(this.plane, this.slice, this.before)
  }

  /** The prompt: the box of the mask, and its bits, row by row, packed with zlib (`prompts.kinds.Mask`). */
  async prompt(): Promise<object> {
    const { mask, rows, columns } = this
    let [x0, y0, x1, y1] = [columns, rows, -1, -1]
    mask.forEach((set, n) => {
      if (!set) return
      const [x, y] = [n % columns, Math.floor(n / columns)]
      ;[x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x), Math.min(y0, y), Math.max(y1, y)]
    })
    const where = { kind: 'mask', label: this.label, plane: this.plane, slice: this.slice, shape_yx: [rows, columns] }
    if (x1 < 0) return where
    const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
    const bits = new Uint8Array(Math.ceil((width * height) / 8))
    for (let n = 0; n < width * height; n++) {
      if (mask[(y0 + Math.floor(n / width)) * columns + x0 + (n % width)]) bits[n >> 3] |= 0x80 >> (n & 7)
    }
    return { ...where, origin_xy: [x0, y0], size_xy: [width, height], bits: base64(await deflated(bits)) }
  }
}

async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'))
  return new Uint8Array(await new Response(packed).arrayBuffer())
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
