"""Put many objects' masks into one label volume.

Where they overlap, locked labels come first, then what was drawn by hand, the later before the earlier,
then the network by its logit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid, Plane
from volsweep.masks import ABSENT_LOGIT, LabelMasks, SliceMask, trim
from volsweep.volume import take_slice

_LEAST_LOGIT, _MOST_LOGIT, _LOCKED = np.float32(1e-4), np.float32(100), np.float32(2**20)


def label_dtype(values: Iterable[int]) -> np.dtype[Any]:
    """Smallest unsigned integer type that holds the labels."""
    return np.dtype(np.uint8) if max(values, default=0) <= np.iinfo(np.uint8).max else np.dtype(np.uint16)


def paint(labels_yx: NDArray[Any], best_yx: NDArray[np.float32], masks: Iterable[tuple[int, SliceMask, bool]]) -> None:
    """Write masks of one slice into `labels_yx`, in place.

    Parameters
    ----------
    labels_yx
        (rows, columns): labels so far.
    best_yx
        (rows, columns): the rank that each voxel's label holds it with, -inf where there is none.
    masks
        (label, mask, locked).
    """
    for label, mask, locked in masks:
        rows, columns = mask.bounds
        rank = _rank(mask, locked)
        wins = rank > best_yx[rows, columns]
        labels_yx[rows, columns][wins] = label
        best_yx[rows, columns][wins] = rank[wins]


def _rank(mask: SliceMask, locked: bool) -> NDArray[np.float32]:
    """What a voxel is held with: filled < the network's logit < drawn by hand, the later the more < locked.

    What was filled between slices has distances to its outline for logits; no network looked there.
    """
    logits = mask.logits.astype(np.float32)
    if mask.interpolated:
        rank = _LEAST_LOGIT * logits / (1 + np.abs(logits))
    else:
        rank = np.clip(logits, _LEAST_LOGIT, _MOST_LOGIT)
    drawn = np.asarray(mask.drawn, dtype=np.float32)
    rank = np.where(drawn > 0, _MOST_LOGIT + drawn, rank) + (_LOCKED if locked else 0)
    return np.where(mask.inner, rank, -np.inf).astype(np.float32)


def compose_slice(masks: Iterable[tuple[int, SliceMask, bool]], shape_yx: tuple[int, int]) -> NDArray[np.uint16]:
    """Labels of one slice (rows, columns) from the masks of its own plane."""
    labels = np.zeros(shape_yx, dtype=np.uint16)
    paint(labels, np.full(shape_yx, -np.inf, dtype=np.float32), masks)
    return labels


def compose_volume(masks: Mapping[int, LabelMasks], locked: Iterable[int], grid: Grid) -> NDArray[Any]:
    """Labels of the whole volume (slices, rows, columns), in the smallest integer type.

    Slice by slice, so that a long volume costs no more than its labels; labels swept along different
    planes meet voxel by voxel in the block that holds them all.
    """
    locked = set(locked)
    out = np.zeros(grid.shape_zyx, dtype=label_dtype(masks))
    planes = {label_masks.plane for label_masks in masks.values()}
    if len(planes) == 1:
        plane = planes.pop()
        for index in sorted({z for each in masks.values() for z, mask in each.by_slice.items() if not mask.is_empty}):
            here = [(v, m.by_slice[index], v in locked) for v, m in sorted(masks.items()) if index in m.by_slice]
            slice_yx = take_slice(out, grid, plane, index)
            paint(slice_yx, np.full(slice_yx.shape, -np.inf, dtype=np.float32), here)
        return out
    region = _region(masks.values(), grid)
    if region is None:
        return out
    best = np.full(tuple(s.stop - s.start for s in region), -np.inf, dtype=np.float32)
    for label, label_masks in sorted(masks.items()):
        for index, mask in label_masks.by_slice.items():
            if mask.is_empty:
                continue
            axis = grid.plane_axis(label_masks.plane)
            rows_from, columns_from = (s.start for a, s in enumerate(region) if a != axis)
            moved = _shifted(mask, rows_from, columns_from)
            inside = take_slice(out[region], grid, label_masks.plane, index - region[axis].start)
            scores = take_slice(best, grid, label_masks.plane, index - region[axis].start)
            paint(inside, scores, [(label, moved, label in locked)])
    return out


def _shifted(mask: SliceMask, rows_from: int, columns_from: int) -> SliceMask:
    return replace(mask, top=mask.top - rows_from, left=mask.left - columns_from)


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


def _region(masks: Iterable[LabelMasks], grid: Grid) -> tuple[slice, slice, slice] | None:
    """Smallest block of the array that holds every mask."""
    regions = [region for each in masks if (region := each.region(grid)) is not None]
    if not regions:
        return None
    z, y, x = (slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*regions, strict=True))
    return z, y, x
