"""A label's masks: what sweeps found, the prompted slices of their plane, and those of other planes laid over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import SessionError
from volsweep.geometry import Grid, Plane
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.masks import ABSENT_LOGIT, LabelMasks, SliceMask, trim
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import ObjectPrompts
from volsweep.session.actions import Tick
from volsweep.session.compose import compose_slice, compose_volume, held_to, label_dtype, stack_up
from volsweep.session.overlaps.crossing import Laid, lay_over
from volsweep.session.state import State, Where
from volsweep.volume import take_slice

At = tuple[Plane, int] | None
"""A slice of a plane; None is the whole volume."""
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
        self.sharing = frozenset(label for label in self.masks if state.labels[label].overlaps)
        """Labels that may overlap with others."""
        self._sole = {label: masks for label, masks in self.masks.items() if label not in self.sharing}

    @cached_property
    def sole_zyx(self) -> NDArray[Any]:
        """Labels of the whole volume, (slices, rows, columns), without those that may overlap."""
        return compose_volume(self._sole, [label for label in self._sole if self._state.is_locked(label)], self._grid)

    @cached_property
    def layers_zyx(self) -> list[NDArray[Any]]:
        """Labels of the whole volume: what is seen first, the smaller object over the larger, then what lies under it.

        One array wherever no object may overlap.
        """
        return self._layers(None) if self.sharing else [self.sole_zyx]

    @property
    def labels_zyx(self) -> NDArray[Any]:
        """Labels of the whole volume, (slices, rows, columns), as far as one number a voxel can tell them."""
        return self.layers_zyx[0]

    def held_from(self, label: int) -> NDArray[np.bool_] | None:
        """The voxels (slices, rows, columns) that locked labels hold and a label cannot have; None where none do."""
        said = self._state.labels.get(label)
        return self._held_by(said.outside) if said is not None and said.overlaps else self._held_from_sole

    @cached_property
    def _held_from_sole(self) -> NDArray[np.bool_] | None:
        return self._held_by(self._sole)

    def _held_by(self, labels: Iterable[int]) -> NDArray[np.bool_] | None:
        locked = [label for label in labels if label in self.masks and self._state.is_locked(label)]
        if not locked:
            return None
        held = {label: self.masks[label] for label in locked}
        return np.asarray(compose_volume(held, locked, self._grid) > 0)

    def slice_yx(self, plane: Plane, index: int) -> NDArray[Any]:
        """Labels of one slice, (rows, columns); it alone is made where all masks lie along its plane."""
        return self.slice_layers(plane, index)[0]

    def slice_layers(self, plane: Plane, index: int) -> list[NDArray[Any]]:
        """One slice of `layers_zyx`, of as many layers as it has."""
        if not self.sharing:
            return [self._sole_at((plane, index))]
        if any(masks.plane != plane for masks in self.masks.values()):
            return [np.array(take_slice(layer, self._grid, plane, index)) for layer in self.layers_zyx]
        return self._layers((plane, index))

    def _layers(self, at: At) -> list[NDArray[Any]]:
        layers = [np.zeros_like(self._sole_at(at), dtype=label_dtype(self.masks) if at is None else np.uint16)]
        for label in self.stacked:
            stack_up(layers, label, self.held(label, at))
        return layers

    @cached_property
    def stacked(self) -> tuple[int, ...]:
        """Labels, the largest first, in the order in which they are laid over each other, the same on every slice."""
        voxels = {label: sum(int(m.inner.sum()) for m in x.by_slice.values()) for label, x in self.masks.items()}
        return tuple(sorted(self.masks, key=lambda one: (-voxels[one], one)))

    def held(self, label: int, at: At = None) -> NDArray[np.bool_]:
        """All voxels of a label: of the volume (slices, rows, columns), or on a slice of a plane (rows, columns).

        Of one that may not overlap what the others leave it; else its own masks, clipped by what it lies inside
        and outside of. A locked one keeps what it showed.
        """
        if label not in self.sharing:
            return np.asarray(self._sole_at(at) == label)
        mask = self._own(label, at)
        said = self._state.labels[label]
        if said.locked:
            return mask
        if said.inside is not None:
            mask = mask & self.held(said.inside, at)
        for other in said.outside:
            mask = mask & ~self.held(other, at)
        return mask

    def holding_zyx(self, label: int) -> NDArray[Any]:
        """An array in which a label has all its voxels (slices, rows, columns); others may have some, too."""
        if label not in self.sharing:
            return self.sole_zyx
        return np.where(self.held(label), label, 0).astype(label_dtype([label]))

    def whole(self) -> Objects:
        """Every label by itself, with what it shares with others."""
        found = []
        for label, said in self._state.labels.items():
            one = LabelledObject(label, said)
            for index, mask_yx in enumerate(self.held(label)):
                one.add(index, mask_yx)
            found.append(one)
        return Objects(self._grid, found)

    def _own(self, label: int, at: At) -> NDArray[np.bool_]:
        masks = self.masks[label]
        if at is None or masks.plane != at[0]:
            own = compose_volume({label: masks}, (), self._grid) > 0
            return np.asarray(own if at is None else take_slice(own, self._grid, *at))
        mask = masks.by_slice.get(at[1])
        return np.zeros(self._grid.plane_shape(at[0])[1:], dtype=bool) if mask is None else mask.mask_yx()

    def _sole_at(self, at: At) -> NDArray[Any]:
        if at is None:
            return self.sole_zyx
        plane, index = at
        if any(masks.plane != plane for masks in self._sole.values()):
            return np.array(take_slice(self.sole_zyx, self._grid, plane, index))
        here = [
            (label, masks.by_slice[index], self._state.is_locked(label))
            for label, masks in self._sole.items()
            if index in masks.by_slice
        ]
        return compose_slice(here, self._grid.plane_shape(plane)[1:])

    def mask(self, label: int, index: int) -> SliceMask:
        """One slice of a label's masks, without the voxels that other labels hold and it may not."""
        masks = self.masks[label]
        return masks.by_slice[index].only(self.held(label, (masks.plane, index)))

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
        mask = as_held(mask, state, (label, plane, index), by_slice.get(index))
        by_slice[index] = replace(mask, drawn=time) if by_hand and not mask.from_finder else mask
    extents = state.extents_of(label)
    held = {z: held_to(mask, plane, extents, prompted.get(z, ()), grid) for z, mask in by_slice.items()}
    return cut(LabelMasks(plane, held), extents, grid)


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


def as_held(mask: SliceMask, state: State, where: Where, before: SliceMask | None = None) -> SliceMask:
    """The mask of a prompted slice; of one that an operation drew as it was brought, or as doubtful as `before`."""
    if where not in state.operated:
        return mask
    if where in state.brought:
        return mask.brought(state.brought[where])
    if before is None:
        return mask.but(prompted=False)
    return replace(mask, prompted=False, iou=before.iou, object_score=before.object_score, agreement=before.agreement)
