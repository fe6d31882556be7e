"""The prompts of one slice to the network's output there, and what is known of an object's slices to its body."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from volsweep.engine.body.predict import BodyPredictor, KnownSlice
from volsweep.engine.body.refine import BodyRefiner
from volsweep.engine.body.space import Body
from volsweep.engine.network import inference
from volsweep.engine.network.inference import Features
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.crop import Crop, mask_to_input
from volsweep.engine.slices.view import ByteCache, View
from volsweep.engine.sweep.click import logit_at, moved_outline
from volsweep.engine.sweep.known import DrawnPrompts, clicks_of
from volsweep.prompts.kinds import Point, Prompt

_DECODED_BYTES = 64 * 2**20
"""The decoder's own outputs, some hundreds of the bundled network's: the next click on a slice goes on from them."""


class SliceDecoder:
    """Decodes prompted slices, from the object's body where the network predicts one.

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
        self._decoded: ByteCache[Decoded] = ByteCache(_DECODED_BYTES)

    @property
    def predicts(self) -> bool:
        """Whether the network predicts bodies."""
        return self._predictor is not None

    @property
    def refines(self) -> bool:
        """Whether it corrects them click by click."""
        return isinstance(self._predictor, BodyRefiner)

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
                return inference.adopt(net, features, torch.zeros((1, 1, size, size), device=net.device))
            if drawn.mask is not None and drawn.anchor is None and not drawn.points:
                return inference.adopt(net, features, mask_to_input(drawn.mask.to_array(), crop, net.device))
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
        conditioned = inference.unconditioned(net, features)
        found = inference.decode(
            net, features, conditioned, clicks, prior_logits=start if drawn.points else None, start=start
        )
        found = inference.leaned(found, start, [1.0]) if body.corrected else found
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
            prior = inference.prior_from_mask(mask_to_input(drawn.mask.to_array(), crop, net.device))
        if count:
            known = (*elsewhere, KnownSlice(drawn.slice, None, drawn.points[:count]))
            start = self._corrected(known, prior, crop)
        elif prior is None and drawn.anchor is not None:
            start = self._section([KnownSlice(drawn.slice, drawn.anchor)], drawn.slice, crop)
        clicks = clicks_of(drawn, count, crop, self.view.frames.spacing_yx_mm)
        conditioned = inference.unconditioned(net, features)
        return inference.decode(net, features, conditioned, clicks, prior_logits=prior, start=start)

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

    def get_ready(self) -> None:
        """Do now what the next click would wait for."""
        if isinstance(self._predictor, BodyRefiner):
            with self.view.net.running(wide=True):
                self._predictor.get_ready()

    def starts(self, wanted: Sequence[tuple[Body, int, Crop]]) -> Tensor:
        """Logits (B, 1, S/4, S/4) for the decoder to start from: sections of bodies on slices, in windows."""
        sections = [body.section(index, crop)[None] for body, index, crop in wanted]
        return torch.stack(sections).to(self.view.net.device)
