"""The earlier study as the later one's voxels show it, so that both are scrolled together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.follow.registration import Registration
from volsweep.geometry import Grid

_SLAB = 16
"""Slices at once: their positions take 24 bytes a voxel."""


def on_follow_up(
    array_zyx: NDArray[Any], grids: tuple[Grid, Grid], registration: Registration, *, order: int = 1
) -> NDArray[Any]:
    """An array of the baseline on the follow-up's voxels.

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
    z, y, x = after.shape_zyx
    out = np.full(after.shape_zyx, lowest, dtype=array_zyx.dtype)
    for first in range(0, z, _SLAB):
        planes = np.arange(first, min(first + _SLAB, z))
        indices = np.stack(np.meshgrid(planes, np.arange(y), np.arange(x), indexing="ij"), axis=-1)
        at = before.to_index_zyx(registration.to_baseline(after.to_lps_mm(indices)))
        out[planes] = map_coordinates(array_zyx, np.moveaxis(at, -1, 0), order=order, mode="constant", cval=lowest)
    return out
