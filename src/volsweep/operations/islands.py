"""The separate parts of an object."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.geometry import Grid
from volsweep.operations.block import block_around, checked_mask

_TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""Voxels that share a corner are one part."""


def keep_largest(mask_zyx: ArrayLike, grid: Grid) -> NDArray[np.bool_]:
    """Keep the largest of an object's separate parts, by volume.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    grid
        Where its voxels lie.

    Returns
    -------
    NDArray
        That part; of two equally large ones the first.
    """
    parts = split_islands(mask_zyx, grid)
    return parts[0] if parts else np.zeros(grid.shape_zyx, dtype=bool)


def split_islands(mask_zyx: ArrayLike, grid: Grid, min_ml: float = 0.0) -> list[NDArray[np.bool_]]:
    """Take an object apart into the parts that do not touch each other.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    grid
        Where its voxels lie.
    min_ml
        Parts smaller than this, in millilitres, stay with the largest one: nothing is lost.

    Returns
    -------
    list
        Their masks, the largest first; none of an empty object.
    """
    from scipy.ndimage import label

    mask = checked_mask(mask_zyx, grid)
    block = block_around(mask)
    if block is None:
        return []
    numbered, count = label(mask[block], structure=_TOUCHING)
    of_slices = np.array([np.bincount(slice_yx.ravel(), minlength=count + 1) for slice_yx in numbered])
    volumes_ml = (grid.slice_voxel_volumes_mm3()[block[0]] @ of_slices)[1:] / 1000
    order = np.argsort(-volumes_ml, kind="stable")
    number_of = np.zeros(count + 1, dtype=np.intp)
    number_of[order + 1] = np.where((volumes_ml[order] < min_ml) | (np.arange(count) == 0), 1, np.arange(count) + 1)
    parts = []
    for number in sorted(set(number_of[1:].tolist())):
        part = np.zeros_like(mask)
        part[block] = number_of[numbered] == number
        parts.append(part)
    return parts
