"""What is shown between two prompted slices: the passes that meet there, fused, and what was outlined on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.slices.view import Frames
from volsweep.engine.sweep.fill import SUREST, share_of_way
from volsweep.engine.sweep.fuse import fuse
from volsweep.engine.sweep.passes import Found
from volsweep.engine.sweep.plan import Leg, Tracked
from volsweep.geometry import union_box_xyxy
from volsweep.masks import SliceMask, trim
from volsweep.operations.distance import signed_distance

_SHAPE = 0.75
"""How much the shape between two outlines counts, against what the network sees (protocol D, five outlined slices:
sarcoma CT 0.918 with 0, 0.932, T1 0.920, 0.931, PET 0.918, 0.923, CT lesions 0.935, 0.945, vertebrae 0.915, 0.922)."""
_REACH = 15.0
"""Distances are held to so many pixels: further from an outline none is more certain."""

_Gap = tuple[int, int, int]
"""A label, and the prompted slices on both sides, the lower one first."""


class Meeting:
    """Fuses the two passes between prompted slices where the second one arrives.

    Where a reader outlined the object on both slices, what lies between leans towards the shape between these outlines
    (Raya & Udupa, IEEE Trans Med Imaging 1990;9:32-42): over a short gap it knows more than the network.

    Parameters
    ----------
    frames
        The plane's slices.
    outlines
        (label, slice) -> what was drawn there by hand, none of it empty.
    """

    def __init__(self, frames: Frames, outlines: Mapping[tuple[int, int], SliceMask]) -> None:
        self._frames = frames
        self._outlines = outlines
        self._waiting: dict[tuple[int, int], Found] = {}
        self._distances: dict[_Gap, _Distances] = {}

    def take(self, found: Found) -> Tracked:
        """What to show for a slice that a pass has found."""
        tracked = found.tracked
        if tracked.leg.bound is None or tracked.interpolated:
            return tracked
        return replace(tracked, mask=self._towards_outlines(tracked, self._fused(found)))

    def _fused(self, found: Found) -> SliceMask:
        tracked = found.tracked
        if found.logits is None:
            return tracked.mask
        other = self._waiting.pop((tracked.label, tracked.mask.slice), None)
        if other is None:
            self._waiting[tracked.label, tracked.mask.slice] = found
            return tracked.mask
        low, high = sorted((found, other), key=lambda one: one.tracked.leg.start)
        ends = low.tracked.leg.start, high.tracked.leg.start
        nearness = share_of_way(self._frames, *ends, tracked.mask.slice)
        pairs = [(one.tracked.mask, one.logits) for one in (low, high) if one.logits is not None]
        return fuse(pairs[0], pairs[1], nearness)

    def _towards_outlines(self, tracked: Tracked, mask: SliceMask) -> SliceMask:
        """A mask leaned towards the shape between the outlines on both sides; as it is where one of them is missing."""
        distances = self._between(tracked.label, tracked.leg)
        if distances is None:
            return mask
        share = share_of_way(self._frames, distances.low.slice, distances.high.slice, mask.slice)
        mixed = _SHAPE * distances.at(share) + (1 - _SHAPE) * distances.of(mask)
        leaned = trim(
            np.clip(mixed, -SUREST, SUREST).astype(np.float32),
            slice=mask.slice,
            shape_yx=mask.shape_yx,
            origin_yx=distances.origin_yx,
            iou=mask.iou,
            object_score=mask.object_score,
        )
        return replace(leaned, agreement=mask.agreement, expected_dice=None if leaned.is_empty else mask.expected_dice)

    def _between(self, label: int, leg: Leg) -> _Distances | None:
        assert leg.bound is not None, "it runs towards a prompted slice"
        low, high = sorted((leg.start, leg.bound))
        if (label, low) not in self._outlines or (label, high) not in self._outlines:
            return None
        gap = (label, low, high)
        if gap not in self._distances:
            self._distances[gap] = _Distances(
                self._outlines[label, low], self._outlines[label, high], self._frames.spacing_yx_mm
            )
        return self._distances[gap]


class _Distances:
    """Signed distances to two outlines and to the shape between, in pixels of the smaller spacing, around both.

    Beyond the window both are further than `_REACH`: nothing there is object, whatever the network says.
    """

    def __init__(self, low: SliceMask, high: SliceMask, spacing_yx_mm: tuple[float, float]) -> None:
        self.low, self.high = low, high
        row_mm, column_mm = spacing_yx_mm
        self._pixel_yx = (row_mm / min(spacing_yx_mm), column_mm / min(spacing_yx_mm))
        boxes = [box for mask in (low, high) if (box := mask.box_xyxy) is not None]
        x0, y0, x1, y1 = (int(edge) for edge in union_box_xyxy(boxes))
        margin = int(_REACH)
        self.origin_yx = (max(y0 - margin, 0), max(x0 - margin, 0))
        self._window = (slice(self.origin_yx[0], y1 + 1 + margin), slice(self.origin_yx[1], x1 + 1 + margin))
        self._to_low, self._to_high = self.of(low), self.of(high)

    def of(self, mask: SliceMask) -> NDArray[np.float64]:
        """Those to a mask of the same plane; nothing is nearer than `_REACH` to an empty one."""
        within = mask.mask_yx()[self._window]
        if not within.any():
            return np.full(within.shape, -_REACH)
        return np.clip(signed_distance(within, self._pixel_yx), -_REACH, _REACH)

    def at(self, share: float) -> NDArray[np.float64]:
        """Those to the shape between, by how much of the way from the lower to the upper lies before it."""
        return np.asarray((1 - share) * self._to_low + share * self._to_high)
