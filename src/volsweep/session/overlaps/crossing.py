"""What was prompted on slices of other planes, laid over a label's masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid, Plane
from volsweep.masks import ABSENT_LOGIT, LabelMasks, SliceMask, trim


@dataclass(frozen=True)
class Laid:
    """What was prompted on a slice of another plane than a label's masks lie along.

    Parameters
    ----------
    plane, mask
        Where, and the mask there.
    order
        Whether it was drawn by hand, and when: the later lies over the earlier, what was drawn over
        what the network said.
    """

    plane: Plane
    mask: SliceMask
    order: tuple[bool, int]


def lay_over(masks: LabelMasks, laid: Iterable[Laid], orders: Mapping[int, tuple[bool, int]], grid: Grid) -> LabelMasks:
    """A label's masks along one plane, with what was prompted in other planes: it holds on its slice, also where not.

    Parameters
    ----------
    masks
        Along one plane.
    laid
        Prompted slices of other planes.
    orders
        As `Laid.order`, of the prompted slices of `masks`.
    grid
        Of the volume.
    """
    axis = grid.plane_axis(masks.plane)
    count, *shape = grid.plane_shape(masks.plane)
    by_slice = dict(masks.by_slice)
    for one in sorted(laid, key=lambda each: each.order):
        other = grid.plane_axis(one.plane)
        is_row = [a for a in range(3) if a != axis].index(other) == 0
        along = [a for a in range(3) if a != other].index(axis)
        logits = np.full(one.mask.shape_yx, ABSENT_LOGIT, dtype=np.float32)
        logits[one.mask.bounds] = one.mask.logits
        at = (one.mask.slice, slice(None)) if is_row else (slice(None), one.mask.slice)
        for index, line in zip(range(count), np.moveaxis(logits, along, 0), strict=True):
            here = by_slice.get(index)
            if orders.get(index, one.order) > one.order or not ((line > 0).any() or (here and not here.is_empty)):
                continue
            here = here or trim(
                np.zeros(shape, np.float32), slice=index, shape_yx=(shape[0], shape[1]), iou=1, object_score=_SURE
            )
            by_slice[index] = _with_line(here, at, line, one.order[1] if one.order[0] else 0)
    return LabelMasks(masks.plane, by_slice)


_SURE = 10.0
"""The logit that an object is on a slice where it was prompted across."""


def _with_line(mask: SliceMask, at: tuple[Any, Any], line: NDArray[np.float32], drawn: int) -> SliceMask:
    logits, when = np.full(mask.shape_yx, ABSENT_LOGIT, np.float32), np.zeros(mask.shape_yx, np.int32)
    logits[mask.bounds], when[mask.bounds] = mask.logits, mask.drawn
    logits[at], when[at] = line, np.where(line > 0, drawn, 0)
    found = trim(logits, slice=mask.slice, shape_yx=mask.shape_yx, iou=mask.iou, object_score=mask.object_score)
    return replace(mask, top=found.top, left=found.left, logits=found.logits, drawn=when[found.bounds])
