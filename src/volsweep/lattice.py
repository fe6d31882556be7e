"""A volume sampled on an even lattice along the patient's axes, whatever way its own voxels lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.geometry import FloatArray, Grid
from volsweep.volume import Volume

_SLAB = 32
"""Planes of the lattice sampled at once: their positions take 24 bytes a point."""


@dataclass(frozen=True)
class Lattice:
    """Points (z, y, x) an even step apart, axes along LPS.

    Parameters
    ----------
    first_lps_mm
        The point (0, 0, 0), as (left, posterior, head).
    step_mm
        Between neighbours.
    shape_zyx
        How many.
    """

    first_lps_mm: tuple[float, float, float]
    step_mm: float
    shape_zyx: tuple[int, int, int]

    @staticmethod
    def between(low_lps_mm: ArrayLike, high_lps_mm: ArrayLike, step_mm: float) -> Lattice:
        """That which fills a box along the patient's axes."""
        low, high = np.asarray(low_lps_mm, dtype=np.float64), np.asarray(high_lps_mm, dtype=np.float64)
        x, y, z = (int(n) for n in np.maximum(np.ceil((high - low) / step_mm), 1) + 1)
        first = (low + high) / 2 - (np.array([x, y, z]) - 1) * step_mm / 2
        return Lattice((float(first[0]), float(first[1]), float(first[2])), step_mm, (z, y, x))

    @staticmethod
    def over(grid: Grid, step_mm: float) -> Lattice:
        """That which holds a whole grid."""
        corners = grid.corners_lps_mm()
        return Lattice.between(corners.min(axis=0), corners.max(axis=0), step_mm)

    def points_lps_mm(self, planes: slice = slice(None)) -> FloatArray:
        """(z, y, x, 3): where its points lie."""
        axes = [
            first + np.arange(n) * self.step_mm
            for first, n in zip(self.first_lps_mm, self.shape_zyx[::-1], strict=True)
        ]
        z, y, x = np.meshgrid(axes[2][planes], axes[1], axes[0], indexing="ij")
        return np.stack([x, y, z], axis=-1)

    def corners_lps_mm(self) -> FloatArray:
        """(8, 3): its outermost points."""
        far = np.array(self.shape_zyx[::-1]) - 1
        ends = np.array([[x, y, z] for x in (0, far[0]) for y in (0, far[1]) for z in (0, far[2])])
        return np.asarray(np.array(self.first_lps_mm) + ends * self.step_mm)

    def index_zyx(self, points_lps_mm: FloatArray) -> FloatArray:
        """Where positions (..., 3) lie among its points, fractions included."""
        return np.asarray((points_lps_mm - np.array(self.first_lps_mm))[..., ::-1] / self.step_mm)

    def sample(self, volume: Volume, matrix: FloatArray | None = None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """A volume's values at its points, averaged over a step, and which of the points lie in the volume.

        Parameters
        ----------
        volume
            What to sample.
        matrix
            4x4, from the lattice's LPS millimetres to the volume's; none where they are the same.
        """
        from scipy.ndimage import map_coordinates

        smooth, start = self._averaged(volume, matrix)
        values, inside = np.zeros(self.shape_zyx, dtype=np.float32), np.zeros(self.shape_zyx, dtype=bool)
        last = np.array(volume.shape_zyx) - 1
        for first in range(0, self.shape_zyx[0], _SLAB):
            planes = slice(first, first + _SLAB)
            at = volume.grid.to_index_zyx(moved(self.points_lps_mm(planes), matrix))
            inside[planes] = ((at >= -0.5) & (at <= last + 0.5)).all(axis=-1)
            values[planes] = map_coordinates(smooth, np.moveaxis(at - start, -1, 0), order=1, mode="nearest")
        return values, inside

    def _averaged(self, volume: Volume, matrix: FloatArray | None) -> tuple[NDArray[np.float32], FloatArray]:
        """The part of the volume that the points lie in, averaged over a step, and its first index."""
        from scipy.ndimage import uniform_filter

        size = np.maximum(np.rint(self.step_mm / volume.grid.spacing_zyx_mm), 1).astype(int)
        at = volume.grid.to_index_zyx(moved(self.corners_lps_mm(), matrix))
        shape = np.array(volume.shape_zyx)
        low = np.clip(np.floor(at.min(axis=0)) - size, 0, shape - 1).astype(int)
        high = np.clip(np.ceil(at.max(axis=0)) + size + 1, low + 1, shape).astype(int)
        z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
        part = volume.array_zyx[z, y, x].astype(np.float32)
        return uniform_filter(part, tuple(size)) if (size > 1).any() else part, low.astype(np.float64)

    def image(self, values_zyx: NDArray[Any]) -> Any:
        """Values at its points as an image of SimpleITK."""
        import SimpleITK as sitk  # noqa: N813 - its usual name

        image = sitk.GetImageFromArray(values_zyx)
        image.SetOrigin(self.first_lps_mm)
        image.SetSpacing((self.step_mm,) * 3)
        return image


def moved(points_lps_mm: FloatArray, matrix: FloatArray | None) -> FloatArray:
    """Points (..., 3) mapped by a 4x4 matrix."""
    return points_lps_mm if matrix is None else points_lps_mm @ matrix[:3, :3].T + matrix[:3, 3]
