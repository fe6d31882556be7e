"""Put many objects' masks into one label volume: locked labels first, then the higher score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid
from volsweep.masks import LabelMasks, SliceMask
from volsweep.volume import take_slice


def label_dtype(values: Iterable[int]) -> np.dtype[Any]:
    """Smallest unsigned integer type that holds the labels."""
    return np.dtype(np.uint8) if max(values, default=0) <= np.iinfo(np.uint8).max else np.dtype(np.uint16)


def paint(labels_yx: NDArray[Any], best_yx: NDArray[np.float16], masks: Iterable[tuple[int, SliceMask, bool]]) -> None:
    """Write masks of one slice into `labels_yx`, in place.

    Parameters
    ----------
    labels_yx
        (rows, columns): labels so far.
    best_yx
        (rows, columns): the score each voxel's label holds it with, -inf where there is none.
    masks
        (label, mask, locked); a locked mask is held with an infinite score.
    """
    for label, mask, locked in masks:
        rows, columns = mask.bounds
        score = np.where(mask.inner, np.float16(np.inf) if locked else mask.logits, np.float16(-np.inf))
        wins = score > best_yx[rows, columns]
        labels_yx[rows, columns][wins] = label
        best_yx[rows, columns][wins] = score[wins]


def compose_slice(masks: Iterable[tuple[int, SliceMask, bool]], shape_yx: tuple[int, int]) -> NDArray[np.uint16]:
    """Labels of one slice (rows, columns) from the masks of its own plane."""
    labels = np.zeros(shape_yx, dtype=np.uint16)
    paint(labels, np.full(shape_yx, -np.inf, dtype=np.float16), masks)
    return labels


def compose_volume(masks: Mapping[int, LabelMasks], locked: Iterable[int], grid: Grid) -> NDArray[Any]:
    """Labels of the whole volume (slices, rows, columns), in the smallest integer type.

    Labels swept along different planes meet voxel by voxel; scores are kept only where
    there is something, so that a long volume costs no more than its labels.
    """
    locked = set(locked)
    out = np.zeros(grid.shape_zyx, dtype=label_dtype(masks))
    region = _region(masks.values(), grid)
    if region is None:
        return out
    best = np.full(tuple(s.stop - s.start for s in region), -np.inf, dtype=np.float16)
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
    return SliceMask(
        mask.slice,
        mask.shape_yx,
        mask.top - rows_from,
        mask.left - columns_from,
        mask.logits,
        mask.iou,
        mask.object_score,
    )


def _region(masks: Iterable[LabelMasks], grid: Grid) -> tuple[slice, slice, slice] | None:
    """Smallest block of the array that holds every mask."""
    regions = [region for each in masks if (region := each.region(grid)) is not None]
    if not regions:
        return None
    z, y, x = (slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*regions, strict=True))
    return z, y, x
