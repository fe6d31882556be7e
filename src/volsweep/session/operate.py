"""Operations completed with what a session shows when they are done: as the masks that they led to.

A replay takes those: it needs neither the network nor this version's arithmetic to show the same voxels.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import SessionError
from volsweep.geometry import Grid, Plane
from volsweep.masks import LabelMasks
from volsweep.operations.base import Scene
from volsweep.operations.block import Block
from volsweep.operations.kinds import Operation
from volsweep.prompts.mask import Mask
from volsweep.session.actions import Operate
from volsweep.session.overlay import Preview, Shown
from volsweep.session.state import State
from volsweep.volume import MAX_LABEL, Label, Volume, take_slice


class Numbers:
    """Labels that were given to someone and are on no object yet: a window gives some while its worker gives others.

    Any thread may ask.
    """

    def __init__(self) -> None:
        self._lock, self._last = Lock(), 0

    def take(self, there: Iterable[int], count: int = 1, *, afresh: bool = False) -> int:
        """The first of so many numbers that are above those of objects that are there and of all that were given.

        `afresh`: those that were given until now are on the objects that there are, or on none.
        """
        with self._lock:
            first = max(0 if afresh else self._last, 0, *there) + 1
            self._last = first + count - 1
            return first

    def note(self, labels: Iterable[int], *, afresh: bool = False) -> None:
        """Something is to be done to objects of these numbers, which someone chose; `afresh` as in `take`."""
        with self._lock:
            self._last = max(0 if afresh else self._last, 0, *labels)


def carried_out(
    action: Operate, state: State, preview: Preview, volume: Volume, numbers: Numbers | None = None
) -> Operate:
    """An operation with what it leads to: the mask of every slice that it changes, along the object's own plane.

    It takes the whole of an object, also what lies hidden under another one, and leaves the voxels that other
    objects show alone, but for those that it names and that are not locked.

    Parameters
    ----------
    action
        What is asked for.
    state, preview
        What the session holds now, and what makes the masks of prompted slices.
    volume
        The image.
    numbers
        Where objects that are split off get theirs, if others get some there meanwhile.

    Raises
    ------
    SessionError
        If the object is locked, one that it names has no voxels, or nothing would change.
    """
    state.check_unlocked(action.label)
    operation, grid = action.operation, volume.grid
    if action.found is not None:  # objects that were loaded
        for drawn in action.found:
            drawn.check_on(grid)
        return action
    now = Shown(state, preview, grid)
    masks = now.masks
    named = [action.label, *operation.others]
    if action.label in operation.others:
        raise SessionError(f"{_name(state, action.label)} cannot be compared with itself; name another object")
    for label in named if operation.kind != "union" else operation.others:
        if label not in masks or masks[label].region(grid) is None:
            raise SessionError(f"{_name(state, label)} has no voxels yet; prompt it first")
    block = _block([masks[label] for label in named if label in masks], operation, grid)
    plane = (masks.get(action.label) or masks[operation.others[0]]).plane
    own, *others = (_dense(masks.get(label), grid, block) for label in named)
    part = Volume(volume.array_zyx[block], grid.block(block), volume.modality)
    start = block[0].start, block[1].start, block[2].start
    scene = Scene(own, dict(zip(operation.others, others, strict=True)), part, start)
    first, *split = operation.apply(scene)
    shown, before = now.sole_zyx[block], now.held(action.label)[block] if action.label in masks else np.zeros_like(own)
    open_to_it = [label for label in operation.others if not state.is_locked(label)]
    allowed = (shown == 0) | (shown == action.label) | np.isin(shown, open_to_it) | (action.label in now.sharing)
    where = _Where(plane, grid, block)
    found = where.changed(action.label, first & allowed, before)
    free = (numbers or Numbers()).take(state.labels, len(split))
    names = {}
    for label, mask in enumerate(split, start=free):
        if label > MAX_LABEL:
            raise SessionError(f"{len(split) + 1} parts are more than there are numbers for labels; smooth it first")
        found += where.changed(label, mask & allowed, np.zeros_like(mask))
        names[label] = f"{_name(state, action.label)} {label - free + 2}"
    if not found:
        raise SessionError(f"{_name(state, action.label)} is what it would become: there is nothing to do")
    return action.model_copy(update={"found": tuple(found), "names": names})


def _name(state: State, label: int) -> str:
    return state.labels[label].name if label in state.labels else Label.default(label).name


def _block(masks: list[LabelMasks], operation: Operation, grid: Grid) -> Block:
    """What the operation has to look at."""
    regions = [region for one in masks if (region := one.region(grid)) is not None]
    margin = operation.margin_zyx(grid)
    z, y, x = (
        slice(max(min(s.start for s in along) - more, 0), min(max(s.stop for s in along) + more, count))
        for along, more, count in zip(zip(*regions, strict=True), margin, grid.shape_zyx, strict=True)
    )
    return z, y, x


def _dense(masks: LabelMasks | None, grid: Grid, block: Block) -> NDArray[np.bool_]:
    """An object's masks as an array, in a block that holds them."""
    out = np.zeros(tuple(s.stop - s.start for s in block), dtype=bool)
    if masks is None:
        return out
    axis = grid.plane_axis(masks.plane)
    across = tuple(s for a, s in enumerate(block) if a != axis)
    for index, mask in masks.by_slice.items():
        if not mask.is_empty:
            take_slice(out, grid, masks.plane, index - block[axis].start)[...] = mask.mask_yx()[across]
    return out


class _Where:
    """Slices of a plane within a block."""

    def __init__(self, plane: Plane, grid: Grid, block: Block) -> None:
        self._plane, self._grid, self._block = plane, grid, block

    def changed(self, label: int, now: NDArray[np.bool_], before: NDArray[np.bool_]) -> list[Mask]:
        """Drawn masks of the slices on which an object is another than before."""
        axis = self._grid.plane_axis(self._plane)
        across = tuple(s for a, s in enumerate(self._block) if a != axis)
        found = []
        for index in np.flatnonzero((now != before).any(axis=tuple(a for a in range(3) if a != axis))).tolist():
            mask_yx = np.zeros(self._grid.plane_shape(self._plane)[1:], dtype=bool)
            mask_yx[across] = take_slice(now, self._grid, self._plane, index)
            at = index + self._block[axis].start
            found.append(Mask.from_array(mask_yx, label=label, slice=at, plane=self._plane))
        return found
