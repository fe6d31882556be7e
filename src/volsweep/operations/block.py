"""The part of a volume that an operation has to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import GeometryError
from volsweep.geometry import Grid

Block = tuple[slice, slice, slice]


def checked_mask(mask_zyx: ArrayLike, grid: Grid) -> NDArray[np.bool_]:
    """A mask as booleans.

    Raises
    ------
    GeometryError
        If it does not have the grid's shape.
    """
    mask = np.asarray(mask_zyx, dtype=bool)
    if mask.shape != grid.shape_zyx:
        raise GeometryError(f"the mask has shape {mask.shape} and its grid {grid.shape_zyx}; they must agree")
    return mask


def block_around(mask_zyx: NDArray[np.bool_], margin_zyx: tuple[int, int, int] = (0, 0, 0)) -> Block | None:
    """Smallest block of the array that holds a mask and a margin of so many voxels; None where it is empty."""
    found = []
    for axis, margin in enumerate(margin_zyx):
        there = np.flatnonzero(mask_zyx.any(axis=tuple(a for a in range(3) if a != axis)))
        if not there.size:
            return None
        found.append(slice(max(int(there[0]) - margin, 0), min(int(there[-1]) + 1 + margin, mask_zyx.shape[axis])))
    z, y, x = found
    return z, y, x


def margin_of(grid: Grid, reach_mm: float) -> tuple[int, int, int]:
    """How many voxels a reach in mm may span along each axis, one more than needed.

    Where slices are not equally spaced the nearest two count.
    """
    spacing = grid.spacing_zyx_mm.copy()
    if grid.slice_origins_mm is not None:
        spacing[0] = np.abs(np.diff(grid.slice_positions_mm(grid.own_plane))).min()
    z, y, x = (int(n) for n in np.ceil(reach_mm / spacing) + 1)
    return z, y, x
