// Between voxels of the array (z, y, x), slices of a plane, and the volume as it is shown (right, front, head).
import type { VolumeAbout } from './api'

export const PLANES = ['axial', 'coronal', 'sagittal'] as const
export type Plane = (typeof PLANES)[number]

/** The axis as shown that runs through a plane's slices: 0 to the right, 1 to the front, 2 to the head. */
export const SHOWN_AXIS: Record<Plane, number> = { sagittal: 0, coronal: 1, axial: 2 }

export class Geometry {
  readonly shape: [number, number, number]
  /** Voxels along each axis as shown. */
  readonly shown: [number, number, number]

  constructor(private readonly about: VolumeAbout) {
    this.shape = about.shape_zyx
    this.shown = about.display.map((one) => this.shape[one.axis]) as [number, number, number]
  }

  /** Index of the array (z, y, x) of a place as shown (i, j, k); fractions allowed. */
  toArray(ijk: number[]): number[] {
    const zyx = [0, 0, 0]
    this.about.display.forEach(({ axis, flipped }, n) => {
      zyx[axis] = flipped ? this.shown[n] - 1 - ijk[n] : ijk[n]
    })
    return zyx
  }

  /** The other way round. */
  toShown(zyx: number[]): number[] {
    return this.about.display.map(({ axis, flipped }, n) => (flipped ? this.shown[n] - 1 - zyx[axis] : zyx[axis]))
  }

  /** Slice, column and row in a plane of an index of the array. */
  inPlane(plane: Plane, zyx: number[]): { slice: number; x: number; y: number } {
    const axis = this.about.planes[plane].axis
    const [y, x] = zyx.filter((_, a) => a !== axis)
    return { slice: zyx[axis], x, y }
  }

  /** Index of the array of a place in a plane. */
  fromPlane(plane: Plane, slice: number, x: number, y: number): number[] {
    const zyx = [y, x]
    zyx.splice(this.about.planes[plane].axis, 0, slice)
    return zyx
  }

  slices(plane: Plane): number {
    return this.about.planes[plane].slices
  }

  /** Rows and columns. */
  size(plane: Plane): [number, number] {
    return [this.about.planes[plane].rows, this.about.planes[plane].columns]
  }

  spacing(plane: Plane): [number, number] {
    return this.about.planes[plane].spacing_yx_mm
  }

  /** For each voxel of a plane's slice: where it lies in the volume as shown, as offset and two steps. */
  strides(plane: Plane, slice: number): { start: number; row: number; column: number } {
    const at = (x: number, y: number) => {
      const [i, j, k] = this.toShown(this.fromPlane(plane, slice, x, y))
      return i + this.shown[0] * (j + this.shown[1] * k)
    }
    const start = at(0, 0)
    return { start, row: at(0, 1) - start, column: at(1, 0) - start }
  }
}
