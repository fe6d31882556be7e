"""An object with a margin more, or less."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import InputError
from volsweep.geometry import FloatArray, Grid
from volsweep.operations.block import block_around, checked_mask, margin_of

_EXACT = 1e-6
"""Relative: a margin of exactly three voxels holds the third, whatever the rounding."""


def grow(mask_zyx: ArrayLike, grid: Grid, mm: float) -> NDArray[np.bool_]:
    """Add all voxels whose centre lies within a distance of a voxel of the object.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    grid
        Where its voxels lie. Distances run across slices by their true positions and within them by their
        spacing; the angle of a tilted stack is not looked at.
    mm
        The margin in millimetres, the same in all directions. Slices that lie further apart do not grow into
        each other.

    Returns
    -------
    NDArray
        The grown object, of the same shape.

    Raises
    ------
    InputError
        If the margin is not above 0.
    """
    return _grown(checked_mask(mask_zyx, grid), grid, _checked_mm(mm))


def shrink(mask_zyx: ArrayLike, grid: Grid, mm: float) -> NDArray[np.bool_]:
    """Take away all voxels whose centre lies within a distance of a voxel beside the object.

    At the borders of the volume, where the object is cut off, nothing is taken away.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    grid
        Where its voxels lie; see `grow`.
    mm
        The margin in millimetres.

    Returns
    -------
    NDArray
        What is left of the object; it may be empty.

    Raises
    ------
    InputError
        If the margin is not above 0.
    """
    mask, reach = checked_mask(mask_zyx, grid), _checked_mm(mm)
    out = np.zeros_like(mask)
    block = block_around(mask, (1, 1, 1))
    if block is not None:
        out[block] = mask[block] & ~_within(~mask[block], *_steps(grid, block[0]), reach)
    return out


def _checked_mm(mm: float) -> float:
    if not 0 < mm < np.inf:
        raise InputError(f"a margin is a number of millimetres above 0, not {mm}")
    return float(mm)


def _grown(mask: NDArray[np.bool_], grid: Grid, mm: float) -> NDArray[np.bool_]:
    out = np.zeros_like(mask)
    block = block_around(mask, margin_of(grid, mm))
    if block is not None:
        out[block] = _within(mask[block], *_steps(grid, block[0]), mm)
    return out


def _steps(grid: Grid, slices: slice) -> tuple[FloatArray, tuple[float, float]]:
    _, rows, columns = (float(s) for s in grid.spacing_zyx_mm)
    return grid.slice_positions_mm(grid.own_plane)[slices], (rows, columns)


def _within(
    mask: NDArray[np.bool_], positions_mm: FloatArray, spacing_yx_mm: tuple[float, float], mm: float
) -> NDArray[np.bool_]:
    """Voxels within a distance of a mask.

    Slice by slice, by Pythagoras from the distance within each slice in reach: exact, and right for slices
    that are not equally spaced.
    """
    from scipy.ndimage import distance_transform_edt

    reach = mm * (1 + _EXACT)
    away = np.full(mask.shape, np.inf, dtype=np.float32)
    for index in np.flatnonzero(mask.any(axis=(1, 2))).tolist():
        away[index] = distance_transform_edt(~mask[index], sampling=spacing_yx_mm)
    out = np.zeros_like(mask)
    for index, position in enumerate(positions_mm):
        apart = np.abs(positions_mm - position)
        for other in np.flatnonzero(apart <= reach).tolist():
            out[index] |= away[other] <= np.sqrt(reach**2 - apart[other] ** 2)
    return out
