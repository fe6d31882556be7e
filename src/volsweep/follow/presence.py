"""Whether an object is still there: does what is inside it still differ from what lies around it?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from volsweep.operations.block import block_around, margin_of
from volsweep.volume import Volume

_GAP, _RING_MM = 1.5, 6.0
"""Voxels about the outline that count as neither, and how wide the ring beyond them is."""
_TELLS = 0.4
"""An object that stands out less than this in the baseline says nothing by standing out no more."""
_LEFT = 0.45
"""It is gone where it stands out by less than this part of what it did (figures in docs/follow-up.md)."""
_FEWEST = 10


def stands_out(volume: Volume, mask_zyx: NDArray[np.bool_]) -> float:
    """How far the values inside an object are from those around it, 0 to 1: the Kolmogorov-Smirnov distance."""
    from scipy.ndimage import distance_transform_edt

    gap = _GAP * float(volume.grid.spacing_zyx_mm.min())
    region = block_around(mask_zyx, margin_of(volume.grid, gap + _RING_MM))
    if region is None:
        return 0.0
    spacing = volume.grid.spacing_zyx_mm
    away = distance_transform_edt(~mask_zyx[region], sampling=spacing)
    inner = volume.array_zyx[region][mask_zyx[region]].astype(np.float64)
    outer = volume.array_zyx[region][(away > gap) & (away <= gap + _RING_MM)].astype(np.float64)
    if min(len(inner), len(outer)) < _FEWEST:
        return 0.0
    values = np.sort(np.concatenate([inner, outer]))
    below = (np.searchsorted(np.sort(part), values, side="right") / len(part) for part in (inner, outer))
    return float(np.abs(np.subtract(*below)).max())


def is_gone(before: float, after: float) -> bool:
    """Whether an object that stood out by `before` is no longer there, where it would stand out by `after`."""
    return before >= _TELLS and after < _LEFT * before
