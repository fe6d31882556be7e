"""Put many objects' masks into one label volume; those that may overlap in layers.

Where they overlap and may not, locked labels come first, then what was drawn by hand, the later before the earlier,
then the network by its logit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.geometry import Grid, Plane
from volsweep.masks import LabelMasks, SliceMask
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Prompt
from volsweep.volume import take_slice

_LEAST_LOGIT, _MOST_LOGIT, _LOCKED = np.float32(1e-4), np.float32(100), np.float32(2**20)
_SLAB = 16
"""Slices in which labels of several planes are composed at once."""


def held_to(mask: SliceMask, plane: Plane, extents: Iterable[Extent], said: Iterable[Prompt], grid: Grid) -> SliceMask:
    """A mask without what lies beyond the region that a finder thinks likely; whole where a reader corrected it.

    Parameters
    ----------
    mask, plane
        On a slice of which plane.
    extents
        All that are told of its label.
    said
        The prompts on its slice.
    grid
        Of the volume.
    """
    if any(prompt.is_click or prompt.is_painted for prompt in said):
        return mask
    for extent in extents:
        if extent.within is not None:
            mask = mask.only(extent.within.on_slice(plane, mask.slice, grid))
    return mask


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
    planes meet voxel by voxel, some slices at a time.
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
    deep, *_ = region
    for first in range(deep.start, deep.stop, _SLAB):
        slab = (slice(first, min(first + _SLAB, deep.stop)), *region[1:])
        _paint_block(out[slab], {v: (m, v in locked) for v, m in sorted(masks.items())}, grid, slab)
    return out


def _paint_block(
    out: NDArray[Any],
    masks: Mapping[int, tuple[LabelMasks, bool]],
    grid: Grid,
    block: tuple[slice, slice, slice],
) -> None:
    """Write what of some labels, locked or not, lies in a block of the volume into it."""
    best: NDArray[np.float32] | None = None
    for label, (label_masks, locked) in masks.items():
        axis = grid.plane_axis(label_masks.plane)
        rows, columns = (along for a, along in enumerate(block) if a != axis)
        for index, mask in label_masks.by_slice.items():
            if mask.is_empty or not block[axis].start <= index < block[axis].stop:
                continue
            inside = _inside(mask, rows, columns)
            if inside is None:
                continue
            if best is None:
                best = np.full(out.shape, -np.inf, dtype=np.float32)
            at = index - block[axis].start
            where = take_slice(out, grid, label_masks.plane, at)
            paint(where, take_slice(best, grid, label_masks.plane, at), [(label, inside, locked)])


def _inside(mask: SliceMask, rows: slice, columns: slice) -> SliceMask | None:
    """The part of a mask in some rows, and placed from there; all its columns lie in `columns`."""
    height = mask.logits.shape[0]
    first, last = max(rows.start - mask.top, 0), min(rows.stop - mask.top, height)
    if first >= last:
        return None
    drawn = mask.drawn if isinstance(mask.drawn, int) else mask.drawn[first:last]
    top, left = mask.top + first - rows.start, mask.left - columns.start
    return replace(mask, top=top, left=left, logits=mask.logits[first:last], drawn=drawn)


def _region(masks: Iterable[LabelMasks], grid: Grid) -> tuple[slice, slice, slice] | None:
    """Smallest block of the array that holds every mask."""
    regions = [region for each in masks if (region := each.region(grid)) is not None]
    if not regions:
        return None
    z, y, x = (slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*regions, strict=True))
    return z, y, x


def stack_up(layers: list[NDArray[Any]], label: int, mask: NDArray[np.bool_]) -> None:
    """Lay an object over those that lie there, in place: the first layer is seen, the others lie under it."""
    under: NDArray[np.bool_] = mask
    value: Any = label
    for layer in layers:
        before = np.where(under, layer, 0)
        layer[under] = value[under] if isinstance(value, np.ndarray) else value
        value, under = before, before > 0
        if not under.any():
            return
    if under.any():
        layers.append(np.asarray(np.where(under, value, 0), dtype=layers[0].dtype))
