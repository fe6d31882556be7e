"""A label's masks: what sweeps found, the prompted slices of their plane, and those of other planes laid over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import SessionError
from volsweep.geometry import Grid, Plane
from volsweep.masks import ABSENT_LOGIT, LabelMasks, SliceMask, trim
from volsweep.prompts.extent import Extent
from volsweep.prompts.of_object import ObjectPrompts
from volsweep.session.actions import Tick
from volsweep.session.compose import compose_slice, compose_volume
from volsweep.session.state import State
from volsweep.volume import take_slice

Preview = Callable[[State, int, ObjectPrompts, int], SliceMask]
"""Mask of a prompted slice in a state: the label, all its prompts along a plane, the slice."""


class Shown:
    """What a state shows, at the time that it is made.

    Parameters
    ----------
    state
        The state.
    preview
        Makes the masks of prompted slices.
    grid
        Of the volume.
    """

    def __init__(self, state: State, preview: Preview, grid: Grid) -> None:
        self._state, self._grid = state, grid
        found = {label: masks_of(state, label, preview, grid) for label in sorted(state.labels)}
        self.masks = {label: masks for label, masks in found.items() if masks is not None}
        """Of every label that has some, as `masks_of`."""

    @cached_property
    def labels_zyx(self) -> NDArray[Any]:
        """Labels of the whole volume, (slices, rows, columns)."""
        return compose_volume(self.masks, [label for label in self.masks if self._state.is_locked(label)], self._grid)

    @property
    def locked_zyx(self) -> NDArray[np.bool_] | None:
        """The voxels (slices, rows, columns) that locked labels hold; None where none is locked."""
        locked = [label for label in self.masks if self._state.is_locked(label)]
        if not locked:
            return None
        held = {label: self.masks[label] for label in locked}
        return np.asarray(compose_volume(held, locked, self._grid) > 0)

    def slice_yx(self, plane: Plane, index: int) -> NDArray[Any]:
        """Labels of one slice, (rows, columns); it alone is made where all masks lie along its plane."""
        if any(masks.plane != plane for masks in self.masks.values()):
            return np.array(take_slice(self.labels_zyx, self._grid, plane, index))
        here = [
            (label, masks.by_slice[index], self._state.is_locked(label))
            for label, masks in self.masks.items()
            if index in masks.by_slice
        ]
        return compose_slice(here, self._grid.plane_shape(plane)[1:])

    def mask(self, label: int, index: int) -> SliceMask:
        """One slice of a label's masks, without the voxels that other labels hold."""
        masks = self.masks[label]
        return masks.by_slice[index].only(self.slice_yx(masks.plane, index) == label)

    def with_digest(self, tick: Tick) -> Tick:
        """A tick that says for which mask it holds.

        Raises
        ------
        SessionError
            If the label was not looked for there.
        """
        masks = self.masks.get(tick.label)
        if not tick.ticked:
            return tick
        if masks is None or masks.plane != tick.plane or tick.slice not in masks.by_slice:
            along = (
                "" if masks is None or masks.plane == tick.plane else f"; its slices lie along the {masks.plane} plane"
            )
            raise SessionError(
                f"object {tick.label} was not looked for on {tick.plane} slice {tick.slice}{along}: "
                "there is nothing to tick off"
            )
        return tick.model_copy(update={"mask": self.mask(tick.label, tick.slice).digest})

    def ticked(self) -> dict[int, frozenset[int]]:
        """Slices that were ticked off and still show what they showed then, by label, along its plane."""
        out: dict[int, set[int]] = {}
        for (label, plane, index), digest in self._state.ticks.items():
            masks = self.masks.get(label)
            there = masks is not None and masks.plane == plane and index in masks.by_slice
            if there and self.mask(label, index).digest == digest:
                out.setdefault(label, set()).add(index)
        return {label: frozenset(slices) for label, slices in out.items()}


def masks_of(state: State, label: int, preview: Preview, grid: Grid) -> LabelMasks | None:
    """A label's masks by slice, with what was prompted in every plane; None where it has none.

    Of a locked label the voxels that it showed when it was locked.
    """
    locked = state.locked.get(label)
    if locked is not None:
        return locked.shown(lambda before: _shown(before, label, preview, grid))
    return _drawn(state, label, preview, grid)


def _shown(state: State, label: int, preview: Preview, grid: Grid) -> LabelMasks | None:
    """A label's masks without what other labels hold of them."""
    shown = Shown(state, preview, grid)
    if label not in shown.masks:
        return None
    masks = shown.masks[label]
    return LabelMasks(masks.plane, {index: shown.mask(label, index) for index in masks.by_slice})


def _drawn(state: State, label: int, preview: Preview, grid: Grid) -> LabelMasks | None:
    own = along_one_plane(state, label, preview, grid)
    orders = state.orders(label)
    if own is None or all(plane == own.plane for plane, _ in orders):
        return own
    laid = [
        Laid(plane, preview(state, label, state.by_slice(label, plane), index), order)
        for (plane, index), order in orders.items()
        if plane != own.plane
    ]
    along = {index: order for (plane, index), order in orders.items() if plane == own.plane}
    return cut(lay_over(own, laid, along, grid), state.extents_of(label), grid)


def along_one_plane(state: State, label: int, preview: Preview, grid: Grid) -> LabelMasks | None:
    """What sweeps found, and the prompted slices of the same plane; before any, of the plane prompted first."""
    swept, orders = state.swept.get(label), state.orders(label)
    plane = swept.plane if swept is not None else next((plane for plane, _ in orders), None)
    if plane is None:
        return None
    # Prompts may have been taken back since the sweep: what they led to is no longer what someone said.
    by_slice = {z: mask.but(prompted=False) for z, mask in (swept.by_slice if swept is not None else {}).items()}
    prompted = state.by_slice(label, plane)
    for index in prompted:
        by_hand, time = orders[plane, index]
        mask = preview(state, label, prompted, index)
        if (label, plane, index) in state.operated:
            mask = _unvouched(mask, by_slice.get(index))
        by_slice[index] = replace(mask, drawn=time) if by_hand else mask
    return cut(LabelMasks(plane, by_slice), state.extents_of(label), grid)


def cut(masks: LabelMasks, extents: Iterable[Extent], grid: Grid) -> LabelMasks:
    """A label's masks without what lies beyond its told ends, along whatever plane these were told."""
    by_slice = masks.by_slice
    for extent in extents:
        by_slice = {
            z: kept for z, mask in by_slice.items() if (kept := cut_mask(mask, masks.plane, extent, grid)) is not None
        }
    return LabelMasks(masks.plane, by_slice)


def cut_mask(mask: SliceMask, plane: Plane, extent: Extent, grid: Grid) -> SliceMask | None:
    """A mask on a slice of a plane without what lies beyond an extent; None where the whole slice does."""
    if mask.is_empty:
        return mask
    if extent.plane == plane:
        return mask if extent.holds(mask.slice) else None
    is_row = [a for a in range(3) if a != grid.plane_axis(plane)].index(grid.plane_axis(extent.plane)) == 0
    begins = mask.top if is_row else mask.left
    held = np.array([extent.holds(begins + i) for i in range(mask.logits.shape[0 if is_row else 1])])
    if held.all():
        return mask
    logits = np.where(held[:, None] if is_row else held, mask.logits, ABSENT_LOGIT).astype(np.float32)
    origin_yx = (mask.top, mask.left)
    left = trim(logits, slice=mask.slice, shape_yx=mask.shape_yx, origin_yx=origin_yx, iou=mask.iou, object_score=0)
    rows, columns = (slice(s.start - o, s.stop - o) for s, o in zip(left.bounds, origin_yx, strict=True))
    drawn = mask.drawn if isinstance(mask.drawn, int) else mask.drawn[rows, columns]
    return replace(mask, top=left.top, left=left.left, logits=left.logits, drawn=drawn)


def _unvouched(mask: SliceMask, before: SliceMask | None) -> SliceMask:
    """What an operation made of a slice: as doubtful as what it was made from."""
    if before is None:
        return mask.but(prompted=False)
    return replace(mask, prompted=False, iou=before.iou, object_score=before.object_score, agreement=before.agreement)


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
