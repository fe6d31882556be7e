"""Objects by what the image shows: voxels within a range of values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volsweep.errors import InputError
from volsweep.operations.block import Block, block_around, checked_mask, margin_of
from volsweep.operations.margin import grow
from volsweep.volume import Volume


def within_range(mask_zyx: ArrayLike, volume: Volume, low: float, high: float) -> NDArray[np.bool_]:
    """Keep the voxels of an object whose value lies within a range.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    volume
        The image that it lies on.
    low, high
        First and last value that stays, in the image's own units (HU for CT).

    Returns
    -------
    NDArray
        The part of the object that is left.

    Raises
    ------
    InputError
        If the range ends before it begins.
    """
    _check_range(low, high)
    mask = checked_mask(mask_zyx, volume.grid)
    out = np.zeros_like(mask)
    block = block_around(mask)
    if block is not None:
        out[block] = mask[block] & _in_range(volume, block, low, high)
    return out


def grow_region(mask_zyx: ArrayLike, volume: Volume, low: float, high: float, mm: float) -> NDArray[np.bool_]:
    """Add what hangs together with an object and has values within a range.

    Parameters
    ----------
    mask_zyx
        The object, (slices, rows, columns).
    volume
        The image that it lies on.
    low, high
        First and last value that is added, in the image's own units (HU for CT).
    mm
        How far from the object it may reach, in millimetres: a region does not run off along a vessel.

    Returns
    -------
    NDArray
        The object and what was added to it; voxels that share a face hang together.

    Raises
    ------
    InputError
        If the range ends before it begins, or the reach is not above 0.
    """
    from scipy.ndimage import label

    _check_range(low, high)
    mask = checked_mask(mask_zyx, volume.grid)
    out = mask.copy()
    block = block_around(mask, margin_of(volume.grid, mm))
    if block is None:
        return out
    here = mask[block]
    reach = grow(here, volume.grid.block(block), mm)
    parts, _ = label(here | (reach & _in_range(volume, block, low, high)))
    out[block] = np.isin(parts, np.unique(parts[here]))
    return out


def _in_range(volume: Volume, block: Block, low: float, high: float) -> NDArray[np.bool_]:
    values = volume.array_zyx[block]
    return np.asarray((values >= low) & (values <= high))


def _check_range(low: float, high: float) -> None:
    if not low <= high:
        raise InputError(f"a range of values begins at its lower end: {low:g} to {high:g} holds nothing")
