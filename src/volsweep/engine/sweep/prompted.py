"""The prompts of one slice to its mask, and of an object's slices to its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from volsweep.engine.body.predict import Body, BodyPredictor
from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.engine.body.refine import BodyRefiner
from volsweep.engine.network import decode
from volsweep.engine.network.features import Features
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.cache import ByteCache
from volsweep.engine.slices.crop import Crop, mask_to_input
from volsweep.engine.slices.view import View
from volsweep.engine.sweep.click import Where, changed_by, held_to, logit_at, moved_outline
from volsweep.engine.sweep.given import Given, nearest_side_mm
from volsweep.engine.sweep.known import DrawnPrompts, Known, clicks_of, verbatim
from volsweep.errors import PromptError
from volsweep.geometry import BoxXYXY, mask_box_xyxy, union_box_xyxy
from volsweep.masks import SliceMask
from volsweep.prompts.extent import NO_ENDS, Ends
from volsweep.prompts.kinds import Mask, Point, Prompt

_POINT_SIDE_MM = 80.0
"""Side of the first window around a lone click, whose target may be of any size."""
_SECTION = 48
"""Side at which a body's section is looked at to put a window around it."""
_SMALLEST = 0.6
"""A window around a section is at least this part of the one around a click on an object of known size."""
_PREVIEW_BYTES, _DECODED_BYTES = 32 * 2**20, 64 * 2**20
"""Masks of prompted slices kept, tens of thousands of a lesion's; and the decoder's own outputs, some hundreds
of the bundled network's: the next click on a slice goes on from them."""


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
        self._predictor: BodyPredictor | BodyRefiner | None = None
        if view.net.body_net is not None:
            self._predictor = BodyPredictor(view.net.body_net, view.frames)
            if view.net.refiner is not None:
                self._predictor = BodyRefiner(self._predictor, view.net.refiner, view.frames)
        self._previews: ByteCache[_Kept] = ByteCache(_PREVIEW_BYTES)
        self._decoded: ByteCache[Decoded] = ByteCache(_DECODED_BYTES)
        self.known = Known(view.frames.spacing_yx_mm, lambda prompts: self.mask(Given(prompts)))

    def given(self, by_slice: Mapping[int, tuple[Prompt, ...]], index: int, ends: Ends = NO_ENDS) -> Given:
        """What one prompted slice of an object depends on, given all its prompts (slice -> prompts, in order)
        and its told ends.
        """
        prompts, target_mm = by_slice[index], None
        if all(prompt.is_click for prompt in prompts):
            target_mm = nearest_side_mm(by_slice, index, self.view.frames.spacing_yx_mm)
        if isinstance(self._predictor, BodyRefiner):
            # A later click corrects the whole body, but what was shown on a slice prompted before it stays.
            until = dict(list(by_slice.items())[: list(by_slice).index(index) + 1])
            return Given(prompts, target_mm, self.known.of(until, ends, alone=index))
        earlier = [] if self._predictor is None else list(by_slice)[: list(by_slice).index(index)]
        drawn = (KnownSlice.of(by_slice[other], None) for other in earlier)
        return Given(prompts, target_mm, tuple(one for one in drawn if one is not None))

    def mask(self, given: Given) -> SliceMask:
        """The mask of one prompted slice."""
        kept = self._previews.get(given)
        return self.preview(given).mask if kept is None else kept.mask

    def preview(self, given: Given) -> Preview:
        """Segment one slice from its prompts."""
        kept = self._previews.get(given)
        if kept is not None:
            return Preview(kept.mask, kept.crop, self.decode(given.prompts, kept.crop, kept.elsewhere))
        made = self._look(given)
        self._previews.put(given, made)
        return self.preview(given)

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
        if only_clicks and elsewhere and isinstance(self._predictor, BodyRefiner):
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
        earlier = given.before_click
        if earlier is not None:
            prior = earlier.prompts[0]
            before = self.known.painted(prior) if earlier.is_painted and isinstance(prior, Mask) else self.mask(earlier)
            x0, y0, x1, y1 = before.box_xyxy or mask.box_xyxy or (0.0, 0.0, 0.0, 0.0)
            mask = changed_by(before, mask, points[-1], Where(spacing, max(x1 - x0 + 1, y1 - y0 + 1)))
        return held_to(mask, points, spacing) if points else mask

    def _mask_in(self, prompts: Sequence[Prompt], crop: Crop, elsewhere: tuple[KnownSlice, ...]) -> SliceMask:
        decoded = self.decode(prompts, crop, elsewhere)
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
        body = self.predict_body(known)
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

    def decode(self, prompts: Sequence[Prompt], crop: Crop, elsewhere: tuple[KnownSlice, ...] = ()) -> Decoded:
        """Decode the prompts of one slice in a given window.

        The first prompts (a box or line with the clicks given before it, or one click, or a
        mask) make a mask; every later click corrects the mask before it, whose logits are
        fed back as when a reader clicks. Negative clicks alone say that the object is not there.
        """
        drawn = DrawnPrompts.of(prompts)
        (features,) = self.view.features([(drawn.slice, crop)])
        net = self.view.net
        with net.running():
            if elsewhere and isinstance(self._predictor, BodyRefiner) and (drawn.points or drawn.anchor is not None):
                return self._from_body(drawn, crop, elsewhere, features)
            if drawn.is_absence:
                size = net.image_size
                return decode.adopt(net, features, torch.zeros((1, 1, size, size), device=net.device))
            if drawn.mask is not None and drawn.anchor is None and not drawn.points:
                return decode.adopt(net, features, mask_to_input(drawn.mask.to_array(), crop, net.device))
            return self._click_by_click(drawn, crop, elsewhere, features)

    def _from_body(self, drawn: DrawnPrompts, crop: Crop, known: tuple[KnownSlice, ...], features: Features) -> Decoded:
        """Decode from the section of the body that all prompts of the object lead to; corrected, it is the mask."""
        key = (drawn, crop, known)
        kept = self._decoded.get(key)
        if kept is not None:
            return kept
        net = self.view.net
        body = self.predict_body(known)
        assert body is not None
        start = self.starts([(body, drawn.slice, crop)])
        clicks = clicks_of(drawn, len(drawn.points), crop, self.view.frames.spacing_yx_mm)
        conditioned = decode.unconditioned(net, features)
        found = decode.decode(
            net, features, conditioned, clicks, prior_logits=start if drawn.points else None, start=start
        )
        found = decode.taken(found, start) if body.corrected else found
        self._decoded.put(key, found)
        return found

    def _click_by_click(
        self, drawn: DrawnPrompts, crop: Crop, elsewhere: tuple[KnownSlice, ...], features: Features
    ) -> Decoded:
        """Decode what was drawn, then click after click, going on from the latest that is known."""
        first = int(drawn.anchor is None)
        counts = range(first, len(drawn.points) + 1)
        keys = {
            n: (drawn.slice, drawn.mask, drawn.anchor, drawn.points[:n], crop, elsewhere if n else ()) for n in counts
        }
        done = next((n for n in reversed(counts) if self._decoded.get(keys[n]) is not None), first - 1)
        decoded = self._decoded.get(keys[done]) if done >= first else None
        for count in counts[done - first + 1 :]:
            prior = None if decoded is None else decoded.logits
            decoded = self._decode(drawn, count, prior, (crop, elsewhere, features))
            self._decoded.put(keys[count], decoded)
        assert decoded is not None
        return decoded

    def _decode(
        self,
        drawn: DrawnPrompts,
        count: int,
        prior: Tensor | None,
        where: tuple[Crop, tuple[KnownSlice, ...], Features],
    ) -> Decoded:
        """Decode what was drawn and the first `count` clicks; `prior` is the mask before the last of them."""
        net = self.view.net
        crop, elsewhere, features = where
        start = None
        if prior is None and drawn.mask is not None:
            prior = decode.prior_from_mask(mask_to_input(drawn.mask.to_array(), crop, net.device))
        if count:
            known = (*elsewhere, KnownSlice(drawn.slice, None, drawn.points[:count]))
            start = self._corrected(known, prior, crop)
        elif prior is None and drawn.anchor is not None:
            start = self._section([KnownSlice(drawn.slice, drawn.anchor)], drawn.slice, crop)
        clicks = clicks_of(drawn, count, crop, self.view.frames.spacing_yx_mm)
        conditioned = decode.unconditioned(net, features)
        return decode.decode(net, features, conditioned, clicks, prior_logits=prior, start=start)

    def _corrected(self, known: Sequence[KnownSlice], prior: Tensor | None, crop: Crop) -> Tensor | None:
        """What a correcting click starts from, for networks that ask for it; its slice is the last.

        The outline it moves; where it does not say how far that is off, the body that is predicted with it,
        if that does as the click says.
        """
        if prior is None or self._predictor is None:
            return None
        click = known[-1].clicks[-1]
        (at_xy,) = crop.to_model_xy(click.along_xy(1))
        # A stroke lies where its reader drew it, not in the middle of what is wrong.
        moved = moved_outline(prior, at_xy, click.positive) if isinstance(click, Point) else None
        if moved is not None or len(known) == 1:
            return moved
        section = self._section(known, click.slice, crop)
        return section if section is not None and (logit_at(section, at_xy) > 0) == click.positive else None

    def _section(self, known: Sequence[KnownSlice], slice_index: int, crop: Crop) -> Tensor | None:
        """The body's section on a slice, as the decoder takes it; None for networks that do not ask for it."""
        body = self.predict_body(known)
        return None if body is None else self.starts([(body, slice_index, crop)])

    def predict_body(self, known: Sequence[KnownSlice]) -> Body | None:
        """The body that fits what is known of some slices; None for networks that do not ask for it."""
        if self._predictor is None:
            return None
        with self.view.net.running(wide=True):
            return self._predictor.predict(known)

    def starts(self, wanted: Sequence[tuple[Body, int, Crop]]) -> Tensor:
        """Logits (B, 1, S/4, S/4) for the decoder to start from: sections of bodies on slices, in windows."""
        sections = [body.section(index, crop)[None] for body, index, crop in wanted]
        return torch.stack(sections).to(self.view.net.device)


@dataclass(frozen=True, eq=False)
class _Kept:
    """A preview without the network's output, which is decoded again where it is needed."""

    mask: SliceMask
    crop: Crop
    elsewhere: tuple[KnownSlice, ...]

    @property
    def nbytes(self) -> int:
        return self.mask.nbytes
