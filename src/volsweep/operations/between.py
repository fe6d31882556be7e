"""Slices without a mask, filled from those before and after by the shape of the object there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.geometry import Grid, Plane
from volsweep.operations.block import block_around, checked_mask
from volsweep.operations.distance import signed_distance


def mixed_outlines(
    lower_yx: NDArray[np.bool_], upper_yx: NDArray[np.bool_], shares: list[float], spacing_yx: tuple[float, float]
) -> list[NDArray[np.float64]]:
    """Signed distances to outlines between two, positive inside, in units of the smaller spacing.

    Distances to both are mixed by how far away they are (Raya & Udupa, IEEE Trans Med Imaging 1990;9:32-42).

    Parameters
    ----------
    lower_yx, upper_yx
        Masks (rows, columns), neither of them empty.
    shares
        How much of the way from the lower to the upper lies before each slice between, 0 to 1.
    spacing_yx
        Between rows and between columns.
    """
    lower, upper = (signed_distance(mask, spacing_yx) / min(spacing_yx) for mask in (lower_yx, upper_yx))
    return [(1 - share) * lower + share * upper for share in shares]


def fill_between(mask_zyx: ArrayLike, grid: Grid, plane: Plane | str | None = None) -> NDArray[np.bool_]:
    """Fill the slices without the object that lie between slices with it, by the shape of their neighbours.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns), drawn on some slices of the plane.
    grid
        Where its voxels lie.
    plane
        Whose slices were drawn on; by default the one in which the slices are stacked.

    Returns
    -------
    NDArray
        The object, its own slices as they were. Between outlines that do not lie over each other nothing may be left
        half-way.
    """
    mask = checked_mask(mask_zyx, grid)
    where = grid.own_plane if plane is None else Plane(plane)
    out = mask.copy()
    block = block_around(mask)
    if block is None:
        return out
    axis = grid.plane_axis(where)
    row_mm, column_mm = grid.plane_spacing_mm(where)[1:]
    here = np.moveaxis(out[block], axis, 0)
    at_mm = grid.slice_positions_mm(where)[block[axis]]
    drawn = np.flatnonzero(here.any(axis=(1, 2)))
    for low, high in pairwise(drawn.tolist()):
        between = range(low + 1, high)
        shares = [float((at_mm[z] - at_mm[low]) / (at_mm[high] - at_mm[low])) for z in between]
        mixed = mixed_outlines(here[low], here[high], shares, (row_mm, column_mm)) if shares else []
        for z, outline in zip(between, mixed, strict=True):
            here[z] = outline > 0
    return out
