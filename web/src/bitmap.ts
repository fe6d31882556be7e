// The labels as they are shown: a byte a voxel, numbered by the labels' places in the list of objects.
import type { Geometry, Plane } from './geometry'
import { eachRun } from './wire'

export class Bitmap {
  readonly voxels: Uint8Array
  private readonly numbers = new Map<number, number>()

  constructor(private readonly geometry: Geometry) {
    const [i, j, k] = geometry.shown
    this.voxels = new Uint8Array(i * j * k)
  }

  /** The number by which a label is drawn: 1 to 255; more objects than that share the last. */
  number(label: number): number {
    let found = this.numbers.get(label)
    if (found === undefined) {
      found = Math.min(255, this.numbers.size + 1)
      this.numbers.set(label, found)
    }
    return found
  }

  /** Draw a slice anew: runs of its box; nothing lies outside it. */
  slice(plane: Plane, index: number, box: number[], runs: Uint8Array): void {
    const { start, row, column } = this.geometry.strides(plane, index)
    const [rows, columns] = this.geometry.size(plane)
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) this.voxels[start + y * row + x * column] = 0
    }
    const [top, left, , width] = box
    eachRun(runs, (at, length, value) => {
      const number = this.number(value)
      for (let n = at; n < at + length; n++) {
        const y = top + Math.floor(n / width)
        const x = left + (n % width)
        this.voxels[start + y * row + x * column] = number
      }
    })
  }

  /** First and last voxel of a label along each axis as shown; null where it has none. */
  bounds(label: number): [number[], number[]] | null {
    const number = this.numbers.get(label)
    const [columns, rows, slices] = this.geometry.shown
    const low = [columns, rows, slices]
    const high = [-1, -1, -1]
    for (let n = this.voxels.indexOf(number ?? 0); number && n >= 0; n = this.voxels.indexOf(number, n + 1)) {
      const at = [n % columns, Math.floor(n / columns) % rows, Math.floor(n / (columns * rows))]
      at.forEach((v, axis) => {
        low[axis] = Math.min(low[axis], v)
        high[axis] = Math.max(high[axis], v)
      })
    }
    return high[0] < 0 ? null : [low, high]
  }

  /** Draw the whole volume anew. */
  all(runs: Uint8Array): void {
    this.voxels.fill(0)
    const [, rows, columns] = this.geometry.shape
    eachRun(runs, (at, length, value) => {
      const number = this.number(value)
      for (let n = at; n < at + length; ) {
        const z = Math.floor(n / (rows * columns))
        const y = Math.floor(n / columns) % rows
        const [i, j, k] = this.geometry.toShown([z, y, n % columns])
        const [a, b, c] = this.geometry.toShown([z, y, (n % columns) + 1])
        const from = i + this.geometry.shown[0] * (j + this.geometry.shown[1] * k)
        const step = a - i + this.geometry.shown[0] * (b - j + this.geometry.shown[1] * (c - k))
        const end = Math.min(at + length, n - (n % columns) + columns)
        for (let v = from; n < end; n++, v += step) this.voxels[v] = number
      }
    })
  }
}
