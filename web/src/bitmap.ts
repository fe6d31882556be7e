// The labels as they are shown: a byte a voxel, a number for each stack of objects that a voxel may hold.
import type { Geometry, Plane } from './geometry'
import { eachRun } from './wire'

/** Labels of the objects at a voxel, the one that is seen first. */
export type Stack = readonly number[]

export class Bitmap {
  readonly voxels: Uint8Array
  /** What each number stands for; 0 is nothing. Most hold one object: more only where objects may overlap. */
  readonly stacks: Stack[] = [[]]
  /** Called when there is a number more, which wants a colour. */
  grown: () => void = () => {}
  private readonly numbers = new Map<string, number>()

  constructor(private readonly geometry: Geometry) {
    const [i, j, k] = geometry.shown
    this.voxels = new Uint8Array(i * j * k)
  }

  /** The number by which a stack is drawn: 1 to 255; more than that share the last. */
  number(...stack: number[]): number {
    if (!stack.length) return 0
    const key = stack.join()
    let found = this.numbers.get(key)
    if (found === undefined) {
      found = Math.min(255, this.stacks.length)
      this.numbers.set(key, found)
      if (this.stacks.length <= 255) this.stacks.push(stack)
      this.grown()
    }
    return found
  }

  /** For each number, 1 where an object is in its stack. */
  holding(label: number): Uint8Array {
    return Uint8Array.from({ length: 256 }, (_, n) => (this.stacks[n]?.includes(label) ? 1 : 0))
  }

  /** The numbers on a slice, row by row. */
  of(plane: Plane, index: number): Uint8Array {
    const { start, row, column } = this.geometry.strides(plane, index)
    const [rows, columns] = this.geometry.size(plane)
    return Uint8Array.from({ length: rows * columns }, (_, n) => {
      return this.voxels[start + Math.floor(n / columns) * row + (n % columns) * column]
    })
  }

  /** The numbers on a slice are these. */
  put(plane: Plane, index: number, numbers: Uint8Array): void {
    const { start, row, column } = this.geometry.strides(plane, index)
    const columns = this.geometry.size(plane)[1]
    numbers.forEach((number, n) => {
      this.voxels[start + Math.floor(n / columns) * row + (n % columns) * column] = number
    })
  }

  /** Draw a slice anew, or what lies beneath it: runs of its box; nothing lies outside it. */
  slice(plane: Plane, index: number, box: number[], runs: Uint8Array, beneath = false): void {
    const { start, row, column } = this.geometry.strides(plane, index)
    const [rows, columns] = this.geometry.size(plane)
    if (!beneath) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) this.voxels[start + y * row + x * column] = 0
      }
    }
    const [top, left, , width] = box
    eachRun(runs, (at, length, value) => {
      for (let n = at; n < at + length; n++) {
        const y = top + Math.floor(n / width)
        const x = left + (n % width)
        this.lay(start + y * row + x * column, value)
      }
    })
  }

  /** An object lies at a voxel, under those that do already. */
  private lay(at: number, value: number): void {
    const seen = this.voxels[at]
    this.voxels[at] = seen ? this.number(...this.stacks[seen], value) : this.number(value)
  }

  /** First and last voxel of a label along each axis as shown; null where it has none. */
  bounds(label: number): [number[], number[]] | null {
    const holding = this.holding(label)
    const [columns, rows, slices] = this.geometry.shown
    const low = [columns, rows, slices]
    const high = [-1, -1, -1]
    this.voxels.forEach((number, n) => {
      if (!number || !holding[number]) return
      const at = [n % columns, Math.floor(n / columns) % rows, Math.floor(n / (columns * rows))]
      at.forEach((v, axis) => {
        low[axis] = Math.min(low[axis], v)
        high[axis] = Math.max(high[axis], v)
      })
    })
    return high[0] < 0 ? null : [low, high]
  }

  /** Draw the whole volume anew, or what lies beneath. */
  all(runs: Uint8Array, beneath = false): void {
    if (!beneath) this.voxels.fill(0)
    const [, rows, columns] = this.geometry.shape
    eachRun(runs, (at, length, value) => {
      for (let n = at; n < at + length; ) {
        const z = Math.floor(n / (rows * columns))
        const y = Math.floor(n / columns) % rows
        const [i, j, k] = this.geometry.toShown([z, y, n % columns])
        const [a, b, c] = this.geometry.toShown([z, y, (n % columns) + 1])
        const from = i + this.geometry.shown[0] * (j + this.geometry.shown[1] * k)
        const step = a - i + this.geometry.shown[0] * (b - j + this.geometry.shown[1] * (c - k))
        const end = Math.min(at + length, n - (n % columns) + columns)
        for (let v = from; n < end; n++, v += step) this.lay(v, value)
      }
    })
  }
}
