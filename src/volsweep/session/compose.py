"""Put many objects' masks into one label volume.

Where they overlap, locked labels come first, then what was drawn by hand, the later before the earlier,
then the network by its logit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid
from volsweep.masks import LabelMasks, SliceMask
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


def _region(masks: Iterable[LabelMasks], grid: Grid) -> tuple[slice, slice, slice] | None:
    """Smallest block of the array that holds every mask."""
    regions = [region for each in masks if (region := each.region(grid)) is not None]
    if not regions:
        return None
    z, y, x = (slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*regions, strict=True))
    return z, y, x
