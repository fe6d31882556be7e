"""The prompts of one slice to its mask, and of an object's slices to its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from volsweep.engine.body.predict import KnownSlice
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import ByteCache, View
from volsweep.engine.sweep.click import Where, changed_by, held_to
from volsweep.engine.sweep.decoder import SliceDecoder
from volsweep.engine.sweep.known import DrawnPrompts, Known, nearest_side_mm, verbatim
from volsweep.errors import PromptError
from volsweep.geometry import BoxXYXY, mask_box_xyxy, union_box_xyxy
from volsweep.masks import SliceMask
from volsweep.prompts.extent import NO_ENDS, Ends
from volsweep.prompts.kinds import ObjectPrompts, Prompt
from volsweep.prompts.mask import Mask

_POINT_SIDE_MM = 80.0
"""Side of the first window around a lone click, whose target may be of any size."""
_SECTION = 48
"""Side at which a body's section is looked at to put a window around it."""
_SMALLEST = 0.6
"""A window around a section is at least this part of the one around a click on an object of known size."""
_PREVIEW_BYTES = 32 * 2**20
"""Masks of prompted slices kept, tens of thousands of a lesion's."""


@dataclass(frozen=True)
class Given:
    """All that the mask of a prompted slice depends on, beside the view.

    Parameters
    ----------
    prompts
        Of one object on one slice, in the order they were given.
    target_mm
        How large the object is known to be elsewhere, for slices with nothing but clicks.
    elsewhere
        What was drawn on other slices before, for clicks that correct this one.
    said
        All that was said of the object until the last of these, for networks that predict its body from all of it.
    ends
        Its first and last slice, each where it is told.
    """

    prompts: tuple[Prompt, ...]
    target_mm: float | None = None
    elsewhere: tuple[KnownSlice, ...] = ()
    said: ObjectPrompts | None = None
    ends: Ends = NO_ENDS

    @property
    def is_painted(self) -> bool:
        """Whether it is a mask and nothing else."""
        return len(self.prompts) == 1 and self.prompts[0].is_painted

    @property
    def is_outlined(self) -> bool:
        """Whether a reader drew the object there, whatever clicks corrected since."""
        return any(isinstance(prompt, Mask) and prompt.verbatim for prompt in self.prompts[:1])

    @property
    def before_click(self) -> Given | None:
        """What the mask depended on that the last prompt, a click, corrects; None where that corrects nothing.

        What the body was predicted from is left as it is: whoever knows what it depends on says that.
        """
        *earlier, last = self.prompts
        return replace(self, prompts=tuple(earlier)) if earlier and last.is_click else None

    @property
    def says_nothing_new(self) -> bool:
        """Whether the last prompt is a click that was said before."""
        points = DrawnPrompts.of(self.prompts).points
        return len(self.prompts) > 1 and len(DrawnPrompts.of(self.prompts[:-1]).points) == len(points)


@dataclass(frozen=True, eq=False)
class Preview:
    """The mask of one prompted slice, the window it was decoded in, and the network's own output there."""

    mask: SliceMask
    crop: Crop
    decoded: Decoded


class Previewer:
    """Turns the prompts of slices into masks and bodies, over one view.

    What it made it keeps, under all that it depends on; what the view depends on never changes.

    Parameters
    ----------
    view
        The plane and network.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.decoder = SliceDecoder(view)
        self._previews: ByteCache[_Kept] = ByteCache(_PREVIEW_BYTES)
        self.known = Known(view.frames.spacing_yx_mm, lambda prompts: self.mask(Given(prompts)))

    def given(self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, ends: Ends = NO_ENDS) -> Given:
        """What one prompted slice of an object depends on, given all its prompts (slice -> prompts, in order)
        and its told ends.
        """
        prompts, target_mm = by_slice[index], None
        if all(prompt.is_click for prompt in prompts):
            target_mm = nearest_side_mm(by_slice, index, self.view.frames.spacing_yx_mm)
        if self.decoder.refines:
            # A later click corrects the whole body, but what was shown on a slice prompted before it stays: each
            # click costs its own correction, and no other slice's mask is made anew.
            said = ObjectPrompts.of(by_slice).until(index)
            return Given(prompts, target_mm, self.known.of(said, ends, alone=index), said, ends)
        earlier = [] if not self.decoder.predicts else list(by_slice)[: list(by_slice).index(index)]
        drawn = (KnownSlice.of(by_slice[other], None) for other in earlier)
        return Given(prompts, target_mm, tuple(one for one in drawn if one is not None))

    def mask(self, given: Given) -> SliceMask:
        """The mask of one prompted slice."""
        kept = self._previews.get(given)
        if kept is None:
            for one in reversed(self._not_made(given)):  # the oldest first: no deeper than one, however many clicks
                kept = self._look(one)
                self._previews.put(one, kept)
        assert kept is not None
        return kept.mask

    def preview(self, given: Given) -> Preview:
        """Segment one slice from its prompts."""
        kept = self._previews.get(given)
        if kept is not None:
            return Preview(kept.mask, kept.crop, self.decoder.decode(given.prompts, kept.crop, kept.elsewhere))
        self.mask(given)
        return self.preview(given)

    def _not_made(self, given: Given) -> list[Given]:
        """A mask to be made, those that it corrects, and those that these correct, up to one that is kept."""
        found: list[Given] = []
        one: Given | None = given
        while one is not None and self._previews.get(one) is None:
            found.append(one)
            one = self._before(one)
        return found

    def _before(self, given: Given) -> Given | None:
        """What the mask depended on that the last click corrects: the one that was shown, when it was given."""
        earlier = given.before_click
        if earlier is None or given.said is None:
            return earlier
        index = given.prompts[0].slice
        said = given.said.before(index)
        assert said is not None, "there is one before it"
        return replace(self.given(said, index, given.ends), target_mm=given.target_mm)

    def _look(self, given: Given) -> _Kept:
        prompts, elsewhere = given.prompts, given.elsewhere
        if not prompts:
            raise PromptError("there is no prompt on this slice; add a box, a point, a line or a mask")
        spacing = self.view.frames.spacing_yx_mm
        extents = [extent for p in prompts if (extent := p.extent_xyxy(spacing)) is not None]
        drawn = prompts[-1]
        if isinstance(drawn, Mask) and drawn.verbatim:  # the network has no say, and need not be asked
            return _Kept(verbatim(drawn), self._crop_of(extents), elsewhere)
        only_clicks = self.view.zoom is not None and all(p.is_click for p in prompts)
        crop = self._crop_of_clicks(extents, given.target_mm) if only_clicks else self._crop_of(extents)
        if only_clicks and elsewhere and self.decoder.refines:
            crop = self._crop_of_body(elsewhere, prompts[0].slice, crop)
        mask = self._mask_in(prompts, crop, elsewhere)
        if only_clicks and given.target_mm is None:
            # Clicks alone say where, not how large: look again around what was found.
            for _ in range(3):
                found = [*extents, mask.box_xyxy] if mask.box_xyxy else extents
                closer = self.view.crop_around(union_box_xyxy(found))
                if mask.is_empty or 0.8 < closer.width / crop.width < 1.25:
                    break
                crop, elsewhere = closer, ()
                mask = self._mask_in(prompts, crop, elsewhere)
        return _Kept(self._obeyed(given, mask).but(prompted=True), crop, elsewhere)

    def _obeyed(self, given: Given, mask: SliceMask) -> SliceMask:
        """A mask in which the last click changed what it may (`volsweep.engine.sweep.click`), and every one holds."""
        points, spacing = DrawnPrompts.of(given.prompts).points, self.view.frames.spacing_yx_mm
        earlier = self._before(given)
        if earlier is not None:
            prior = earlier.prompts[0]
            before = self.known.painted(prior) if earlier.is_painted and isinstance(prior, Mask) else self.mask(earlier)
            if given.says_nothing_new:
                return before
            x0, y0, x1, y1 = before.box_xyxy or mask.box_xyxy or (0.0, 0.0, 0.0, 0.0)
            mask = changed_by(before, mask, points[-1], Where(spacing, max(x1 - x0 + 1, y1 - y0 + 1)))
        return held_to(mask, points, spacing) if points else mask

    def _mask_in(self, prompts: Sequence[Prompt], crop: Crop, elsewhere: tuple[KnownSlice, ...]) -> SliceMask:
        decoded = self.decoder.decode(prompts, crop, elsewhere)
        return self.view.to_mask(self.view.logits(decoded, crop), prompts[0].slice, decoded)

    def _crop_of(self, extents: Sequence[BoxXYXY]) -> Crop:
        if not extents:  # only an empty mask: the object is not here, any window says so
            return Crop.whole(self.view.frames.shape_yx, self.view.net.image_size)
        return self.view.crop_around(union_box_xyxy(extents))

    def _crop_of_clicks(self, extents: Sequence[BoxXYXY], target_mm: float | None) -> Crop:
        side_mm = target_mm or _POINT_SIDE_MM / (self.view.zoom or 1.0)
        row_mm, column_mm = self.view.frames.spacing_yx_mm
        x0, y0, x1, y1 = union_box_xyxy(extents)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        # From the first voxel's centre to the last one's: a voxel less than the side.
        dx, dy = ((side_mm / mm - 1) / 2 for mm in (column_mm, row_mm))
        # As large as the object, around the clicks, and never so small that one of them is outside.
        return self.view.crop_around(union_box_xyxy([*extents, (x - dx, y - dy, x + dx, y + dy)]))

    def _crop_of_body(self, known: Sequence[KnownSlice], index: int, crop: Crop) -> Crop:
        """The window around a body's section, whose middle a click at its border is not; `crop` if there is none."""
        body = self.decoder.predict_body(known)
        if body is None:
            return crop
        own = replace(body.block.crop, size=LOGIT_STRIDE * _SECTION)
        box = mask_box_xyxy((body.section(index, own) > 0).numpy())
        if box is None:
            return crop
        voxels = np.tile([own.width, own.height], 2) / _SECTION
        edges = np.array([box[0], box[1], box[2] + 1, box[3] + 1]) * voxels + np.tile([own.left, own.top], 2)
        x0, y0, x1, y1 = (edges - [0, 0, 1, 1]).tolist()
        around = self.view.crop_around((x0, y0, x1, y1))
        return around if around.width > _SMALLEST * crop.width else crop


@dataclass(frozen=True, eq=False)
class _Kept:
    """A preview without the network's output, which is decoded again where it is needed."""

    mask: SliceMask
    crop: Crop
    elsewhere: tuple[KnownSlice, ...]

    @property
    def nbytes(self) -> int:
        return self.mask.nbytes
