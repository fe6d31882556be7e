"""Whether an object is still there: does its inside still differ from what lies around it, and is it the same?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from volsweep.operations.block import block_around, margin_of
from volsweep.volume import Volume

_GAP, _RING_MM = 1.5, 6.0
"""Voxels about the outline that count as neither, and how wide the ring beyond them is."""
_TELLS = 0.4
"""An object that stands out less than this in the baseline says nothing by standing out no more."""
_LEFT, _STILL = 0.5, 0.55
"""It is gone where it stands out, to the side that it did, by less than the first part of that; by the second and more
it is still there. In scans with a lesion that had been put in (`benchmarks/follow_up.py`, the scans it was chosen on)
the least was 0.67, in nine real second studies 0.62."""
_SAME, _OTHER = 0.7, 0.55
"""What lies around correlates at least so well, and the inside less than this part of that: -0.34 to 0.43 of it in six
that were taken out, 0.83 and more in five real second studies (in a sixth the surroundings are too different)."""
_AS_IT_WAS, _CHANGED, _ALMOST = 0.9, 1.8, 0.95
"""Where all around is as it was, less is enough, if the inside changed so many times as much as that: 2.0 to 12 in
scans without the lesion that had been put in (in one 0.5), up to 1.7 in those with it, or 2.8 to 4.1 where it shrank,
and it correlates by 0.98 and more then."""
_FEWEST = 10


class Standing(NamedTuple):
    """How far the values inside an object are above those around it, and below: Kolmogorov-Smirnov, one-sided."""

    above: float
    below: float

    @property
    def distance(self) -> float:
        """How far they are from them, 0 to 1."""
        return max(self)

    def left_of(self, before: Standing) -> float:
        """How far, to the side to which the object stood out before."""
        return self.above if before.above >= before.below else self.below


class Alike(NamedTuple):
    """How both studies compare where an object was carried to.

    Parameters
    ----------
    inside, around
        Correlation of the values inside it, and around it.
    changed
        How many times as much the inside changed as what lies around.
    """

    inside: float
    around: float
    changed: float

    @property
    def as_it_was(self) -> bool:
        """Whether all around is what it was, and the inside, too."""
        return self.around >= _AS_IT_WAS and self.changed < _CHANGED and self.inside >= _ALMOST * self.around


def stands_out(volume: Volume, mask_zyx: NDArray[np.bool_]) -> Standing:
    """How far the values inside an object are from those around it."""
    from scipy.ndimage import distance_transform_edt

    gap = _GAP * float(volume.grid.spacing_zyx_mm.min())
    region = block_around(mask_zyx, margin_of(volume.grid, gap + _RING_MM))
    if region is None:
        return _NOT
    spacing = volume.grid.spacing_zyx_mm
    away = distance_transform_edt(~mask_zyx[region], sampling=spacing)
    inner = volume.array_zyx[region][mask_zyx[region]].astype(np.float64)
    outer = volume.array_zyx[region][(away > gap) & (away <= gap + _RING_MM)].astype(np.float64)
    if min(len(inner), len(outer)) < _FEWEST:
        return _NOT
    values = np.sort(np.concatenate([inner, outer]))
    inside, around = (np.searchsorted(np.sort(part), values, side="right") / len(part) for part in (inner, outer))
    return Standing(float((around - inside).max()), float((inside - around).max()))


_NOT = Standing(0.0, 0.0)


def is_gone(before: Standing, after: Standing, alike: Alike | None = None) -> bool:
    """Whether an object is no longer there.

    Parameters
    ----------
    before, after
        How it stood out in the baseline, and does where it was carried to.
    alike
        How both studies compare there (`Carried.alike`). Where all around is what it was and the inside is not,
        something else is there now; an object that still stands out as before may have changed within.
    """
    if alike is not None and alike.as_it_was:
        return False
    tells, left = before.distance >= _TELLS, after.left_of(before)
    if tells and left < _LEFT * before.distance:
        return True
    if alike is None or (tells and left >= _STILL * before.distance):
        return False
    if alike.around >= _SAME and alike.inside < _OTHER * alike.around:
        return True
    return alike.around >= _AS_IT_WAS and alike.changed >= _CHANGED and alike.inside < _ALMOST * alike.around
