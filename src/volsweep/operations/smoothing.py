"""An object's outline made even, and its holes closed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import InputError
from volsweep.geometry import Grid, Plane
from volsweep.operations.block import block_around, checked_mask, margin_of

TAIL = 3.0
"""Of the Gaussian, in standard deviations; as far as it is looked at."""


def smooth(mask_zyx: ArrayLike, grid: Grid, mm: float) -> NDArray[np.bool_]:
    """Even out what is smaller than a few millimetres, and keep the volume.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    grid
        Where its voxels lie; slices that are not equally spaced count from where each one lies.
    mm
        Standard deviation of the Gaussian in millimetres: bumps, notches and specks of about twice that size go.

    Returns
    -------
    NDArray
        The smoothed object. Of the blurred object as many voxels are kept, the highest first, as it had before,
        but for voxels of the very same height at the outline.

    Raises
    ------
    InputError
        If `mm` is not above 0.
    """
    mask = checked_mask(mask_zyx, grid)
    if not 0 < mm < np.inf:
        raise InputError(f"smoothing needs a number of millimetres above 0, not {mm}")
    out = np.zeros_like(mask)
    block = block_around(mask, margin_of(grid, TAIL * mm))
    if block is None:
        return out
    here = mask[block]
    blurred = _blurred(here, grid, block[0], mm)
    count = int(here.sum())
    least = float(np.partition(blurred, blurred.size - count, axis=None)[blurred.size - count])
    higher = blurred > least
    out[block] = blurred >= least if abs((blurred >= least).sum() - count) <= count - higher.sum() else higher
    return out


def _blurred(here: NDArray[np.bool_], grid: Grid, slices: slice, mm: float) -> NDArray[np.float32]:
    """A block of slices through a Gaussian of so many millimetres."""
    from scipy.ndimage import gaussian_filter

    sigma = mm / grid.spacing_zyx_mm
    if not grid.is_regular:
        sigma[0] = 0
    blurred: NDArray[np.float32] = gaussian_filter(here.astype(np.float32), sigma, mode="nearest", truncate=TAIL)
    if grid.is_regular or len(here) < 2:
        return blurred
    at = grid.slice_positions_mm(grid.own_plane)[slices]
    off = np.abs(at[:, None] - at)
    # A slice counts for the space that it stands for.
    weights = np.where(off <= TAIL * mm, np.exp(-0.5 * (off / mm) ** 2), 0) * np.abs(np.gradient(at))
    return np.tensordot(weights / weights.sum(axis=1, keepdims=True), blurred, 1).astype(np.float32)


def fill_holes(mask_zyx: ArrayLike, grid: Grid, plane: Plane | str | None = None) -> NDArray[np.bool_]:
    """Fill what the object encloses.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    grid
        Where its voxels lie.
    plane
        Fill what is enclosed on a slice of this plane, though a neighbouring slice leads out of it; None fills only
        what is enclosed on all sides.

    Returns
    -------
    NDArray
        The object without holes.
    """
    from scipy.ndimage import binary_fill_holes

    mask = checked_mask(mask_zyx, grid)
    out = mask.copy()
    block = block_around(mask)
    if block is None:
        return out
    here = mask[block]
    if plane is None:
        out[block] = binary_fill_holes(here)
        return out
    axis = grid.plane_axis(plane)
    filled = [binary_fill_holes(slice_yx) for slice_yx in np.moveaxis(here, axis, 0)]
    out[block] = np.moveaxis(np.stack(filled), 0, axis)
    return out
