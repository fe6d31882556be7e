"""What all prompts of an object say of it, slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from volsweep.engine.body.predict import KnownSlice
from volsweep.engine.network.inference import GIVEN_LOGIT, Clicks
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import ByteCache
from volsweep.masks import SliceMask, trim
from volsweep.prompts.extent import NO_ENDS, Ends
from volsweep.prompts.kinds import Anchor, Click, Line, ObjectPrompts, Prompt
from volsweep.prompts.mask import Mask
from volsweep.prompts.scribble import Scribble

_MASKS_BYTES = 32 * 2**20
_PLACES = 3
"""Clicks along a stroke that SAM 2 is told of."""


@dataclass(frozen=True)
class DrawnPrompts:
    """The prompts of a slice, sorted: the last mask, the last box, line or axes after it, and the clicks."""

    slice: int
    mask: Mask | None
    anchor: Anchor | None
    points: tuple[Click, ...]
    places: tuple[int, ...] = ()
    """Of the clicks, among the prompts."""

    @staticmethod
    def of(prompts: Sequence[Prompt]) -> DrawnPrompts:
        """Sort them."""
        masks = [place for place, p in enumerate(prompts) if isinstance(p, Mask)]
        begin = masks[-1] if masks else 0
        after = prompts[begin:]
        anchor = next((p for p in reversed(after) if isinstance(p, Anchor)), None)
        mask = after[0] if isinstance(after[0], Mask) else None
        places = _said_once({place: p for place, p in enumerate(after, begin) if isinstance(p, Click)})
        points = tuple(p for place in places if isinstance(p := prompts[place], Click))
        return DrawnPrompts(prompts[0].slice, mask, anchor, points, tuple(places))

    @property
    def is_absence(self) -> bool:
        """Whether it says that the object is not there, and nothing else."""
        return self.mask is None and self.anchor is None and not any(point.positive for point in self.points)


def _said_once(clicks: Mapping[int, Click]) -> list[int]:
    """Clicks without those that say what the last ones at their voxels said: said again, it changes nothing."""
    last: dict[tuple[int, int], Click] = {}
    found = []
    for place, click in clicks.items():
        voxels = [(int(y), int(x)) for y, x in click.middle_yx()]
        if not all(voxel in last and _says(last[voxel], click) for voxel in voxels):
            found.append(place)
        last |= dict.fromkeys(voxels, click)
    return found


def _says(one: Click, other: Click) -> bool:
    """Whether one click says of a voxel all that another does: a wide stroke says more than a point on it."""
    if one.positive != other.positive:
        return False
    if not isinstance(other, Scribble):
        return True
    return isinstance(one, Scribble) and one.unit == other.unit and one.width >= other.width


class Known:
    """Prompts of an object as what a refiner takes.

    Parameters
    ----------
    spacing_yx_mm
        Between rows, between columns.
    mask_of
        The mask that clicks alone make on their slice.
    """

    def __init__(self, spacing_yx_mm: tuple[float, float], mask_of: Callable[[tuple[Prompt, ...]], SliceMask]) -> None:
        self._spacing_yx_mm = spacing_yx_mm
        self._mask_of = mask_of
        self._masks: ByteCache[SliceMask] = ByteCache(_MASKS_BYTES)

    def of(
        self, by_slice: Mapping[int, tuple[Prompt, ...]], ends: Ends = NO_ENDS, alone: int | None = None
    ) -> tuple[KnownSlice, ...]:
        """What was drawn, the widest first, and the clicks in order; nothing where nothing says how large it is.

        Clicks do not; where nothing else was given, the mask that the first of them made does, but not to
        the slice `alone`, which makes it. Nor does a mask that a click corrects and nobody drew, where something
        else is known: it is `KnownSlice.found`, for the click to correct.
        """
        found, said = [], ObjectPrompts.of(by_slice)
        wrong: dict[int, SliceMask] = {}
        for index, prompts in by_slice.items():
            drawn = DrawnPrompts.of(prompts)
            shape: Anchor | SliceMask | None = drawn.anchor
            if drawn.mask is not None and shape is None:
                shape = painted = self.painted(drawn.mask)
                if drawn.points and not drawn.mask.verbatim:
                    wrong[index] = painted
            turns = said.turns(index)
            found.append(KnownSlice(index, shape, drawn.points, ends, turns=tuple(turns[p] for p in drawn.places)))
        if any(self._side_mm(one) for one in found if one.slice not in wrong):
            found = [replace(one, drawn=None, found=m) if (m := wrong.get(one.slice)) else one for one in found]
        if not any(self._side_mm(one) for one in found):
            first, prompts = next(iter(by_slice.items()))
            if first == alone or not any(isinstance(p, Click) and p.positive for p in prompts):
                return ()
            mask = self._mask_of(prompts)
            if mask.is_empty:
                return ()
            found[0] = KnownSlice(first, mask, ends=ends)
        return tuple(sorted(found, key=self._side_mm, reverse=True))

    def painted(self, drawn: Mask) -> SliceMask:
        """A drawn mask; the same one each time, since bodies are kept under what they depend on."""
        kept = self._masks.get(drawn)
        if kept is None:
            kept = verbatim(drawn)
            self._masks.put(drawn, kept)
        return kept

    def _side_mm(self, known: KnownSlice) -> float:
        """Longer side of what is known of an object; 0 where it is known not to be there, or nothing is drawn."""
        row_mm, column_mm = self._spacing_yx_mm
        x0, y0, x1, y1 = known.extent_xyxy(self._spacing_yx_mm) or (0.0, 0.0, -1.0, -1.0)
        return max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)


def nearest_side_mm(
    by_slice: Mapping[int, Sequence[Prompt]], index: int, spacing_yx_mm: tuple[float, float]
) -> float | None:
    """Longer side in mm of the box, line or mask that was drawn on the slice nearest to `index`."""
    row_mm, column_mm = spacing_yx_mm
    sides: dict[int, float] = {}
    for other, prompts in by_slice.items():
        for prompt in prompts:
            extent = None if prompt.is_click else prompt.extent_xyxy(spacing_yx_mm)
            if extent is not None:
                x0, y0, x1, y1 = extent
                side = max((x1 - x0 + 1) * column_mm, (y1 - y0 + 1) * row_mm)
                sides[other] = max(side, sides.get(other, 0.0))
    nearest = min(sides, key=lambda other: (abs(other - index), other), default=None)
    return None if nearest is None else sides[nearest]


def clicked_or(by_slice: Mapping[int, tuple[Prompt, ...]], slices: Collection[int]) -> ObjectPrompts:
    """The prompts of some slices, and of all that were clicked on: a click corrects the whole body."""
    clicked = {index for index, prompts in by_slice.items() if any(prompt.is_click for prompt in prompts)}
    return ObjectPrompts.of(by_slice).only(clicked | set(slices))


def clicks_of(drawn: DrawnPrompts, count: int, crop: Crop, spacing_yx_mm: tuple[float, float]) -> Clicks:
    """The corners of what was drawn, and the first `count` clicks, as SAM 2 takes them."""
    points: list[NDArray[np.float64]] = []
    kinds: list[int] = []
    anchor = drawn.anchor
    if anchor is not None:
        points += list(crop.to_model_xy(np.reshape(anchor.extent_xyxy(spacing_yx_mm), (2, 2))))
        kinds += [2, 3]
    if isinstance(anchor, Line):
        points.append(crop.to_model_xy(anchor.midpoint_xy))
        kinds.append(1)
    for click in drawn.points[:count]:
        places = click.along_xy(_PLACES)
        points += list(crop.to_model_xy(places))
        kinds += [int(click.positive)] * len(places)
    return Clicks(np.array(points, dtype=np.float32).reshape(-1, 2), np.array(kinds, dtype=np.int32))


def verbatim(drawn: Mask) -> SliceMask:
    """What was drawn, voxel for voxel: the network's resampled copy only feeds its memory."""
    logits = np.where(drawn.to_array(), GIVEN_LOGIT, -GIVEN_LOGIT).astype(np.float32)
    sure = -GIVEN_LOGIT if drawn.extent_xyxy() is None else GIVEN_LOGIT
    mask = trim(logits, slice=drawn.slice, shape_yx=drawn.shape_yx, iou=1.0, object_score=sure)
    return mask.but(prompted=True)
