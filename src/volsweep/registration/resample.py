"""What one study or series shows, on the voxels of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import FloatArray, Grid
from volsweep.lattice import moved
from volsweep.registration.register import Registration

_SLAB = 16
"""Slices at once: their positions take 24 bytes a voxel."""
_SMOOTHED = 0.3
"""In voxels: what is less is not worth smoothing."""


def on_follow_up(
    array_zyx: NDArray[Any], grids: tuple[Grid, Grid], registration: Registration, *, order: int = 1
) -> NDArray[Any]:
    """An array of the baseline on the follow-up's voxels, so that both are scrolled together.

    Parameters
    ----------
    array_zyx
        Values, or with `order` 0 labels.
    grids
        The baseline's, and the follow-up's.
    registration
        From one to the other.
    order
        1 between voxels, 0 the nearest.

    Returns
    -------
    ndarray, (slices, rows, columns) of the follow-up
        The smallest value where the baseline showed nothing.
    """
    from scipy.ndimage import map_coordinates

    before, after = grids
    lowest = array_zyx.min()
    out = np.full(after.shape_zyx, lowest, dtype=array_zyx.dtype)
    for planes, at, _ in _places(after, before, np.linalg.inv(registration.matrix).astype(np.float64)):
        out[planes] = map_coordinates(array_zyx, np.moveaxis(at, -1, 0), order=order, mode="constant", cval=lowest)
    return out


def seen_on(
    array_zyx: NDArray[Any], here: Grid, there: Grid, matrix: FloatArray
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A series' values on the voxels of another, averaged over those where its own are finer.

    Parameters
    ----------
    array_zyx
        The values.
    here, there
        Grids of the series, and of the other one.
    matrix
        4x4: from LPS millimetres in the other to LPS millimetres in the series.

    Returns
    -------
    ndarray, (slices, rows, columns) of the other
        In the type of the series; the smallest value where it was not imaged.
    ndarray
        Where it was imaged.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    # How many of the series' voxels each of the other's reaches over, along the series' axes: as smooth as their mean.
    reach = np.abs(np.linalg.inv(here.affine[:3, :3]) @ matrix[:3, :3] @ there.affine[:3, :3]).max(axis=1)
    sigma = np.sqrt(np.maximum(reach**2 - 1, 0) / 12)
    values = gaussian_filter(array_zyx.astype(np.float32), sigma) if sigma.max() > _SMOOTHED else array_zyx
    whole = np.issubdtype(array_zyx.dtype, np.integer)
    out = np.full(there.shape_zyx, array_zyx.min(), dtype=array_zyx.dtype)
    imaged = np.zeros(there.shape_zyx, dtype=bool)
    last = np.array(here.shape_zyx) - 1
    for planes, at, points_mm in _places(there, here, matrix):
        inside = ((at >= -0.5) & (at <= last + 0.5)).all(axis=-1)
        if not here.is_regular:  # indices end with such a stack, and what lies beyond seems to be in it
            inside &= np.linalg.norm(here.to_lps_mm(at) - points_mm, axis=-1) <= here.spacing_zyx_mm[0] / 2
        found = map_coordinates(values, np.moveaxis(at, -1, 0), output=np.float32, order=1, mode="nearest")
        out[planes] = np.where(inside, np.rint(found) if whole else found, out[planes])
        imaged[planes] = inside
    return out, imaged


def _places(grid: Grid, other: Grid, matrix: FloatArray) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Some slices of a grid at a time, and where their voxels lie: among another's (z, y, x, 3), and in its LPS mm."""
    z, y, x = grid.shape_zyx
    for first in range(0, z, _SLAB):
        planes = slice(first, min(first + _SLAB, z))
        indices = np.stack(np.meshgrid(np.arange(z)[planes], np.arange(y), np.arange(x), indexing="ij"), axis=-1)
        points_mm = moved(grid.to_lps_mm(indices), matrix)
        yield planes, other.to_index_zyx(points_mm), points_mm
