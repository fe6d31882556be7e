"""What the network sees of one plane: encoded slices and decoded prompts, in any crop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.body.predict import Body, BodyPredictor
from volsweep.engine.body.prompt_maps import KnownSlice
from volsweep.engine.network import sam2 as heads
from volsweep.engine.network.expectation import showing
from volsweep.engine.network.features import FeatureCache, Features, encode_each, model_input
from volsweep.engine.network.net import Network
from volsweep.engine.network.sam2 import Clicks, Decoded
from volsweep.engine.slices.crop import Crop, CropLogits
from volsweep.engine.slices.frames import Frames
from volsweep.engine.slices.store import FeatureStore
from volsweep.engine.sweep.click import logit_at, moved_outline
from volsweep.errors import PromptError
from volsweep.geometry import BoxXYXY, union_box_xyxy
from volsweep.masks import SliceMask, trim
from volsweep.prompts.kinds import Box, Line, Mask, Point, Prompt

_POINT_SIDE_MM = 80.0
"""Side of the first window around a lone click, whose target may be of any size."""


class View:
    """One plane of a volume through one network.

    Parameters
    ----------
    network
        The network.
    frames
        The plane's slices.
    zoom
        Side of the crop over the longer side of the target; None shows the whole slice.
    cache
        Holds what was encoded; may be shared between views.
    store
        Holds what earlier sessions encoded, if anything does.
    """

    def __init__(
        self,
        network: Network,
        frames: Frames,
        zoom: float | None,
        cache: FeatureCache,
        store: FeatureStore | None = None,
    ) -> None:
        self.network = network
        self.frames = frames
        self.zoom = zoom
        self._cache = cache
        self._store = store
        self._predictor = None if network.body_net is None else BodyPredictor(network.body_net, frames)

    def crop_around(self, box_xyxy: BoxXYXY) -> Crop:
        """The window for a target with this bounding box."""
        size = self.network.image_size
        if self.zoom is None:
            return Crop.whole(self.frames.shape_yx, size)
        # Padded where it is larger than the slice: a slice stretched instead is nothing the network knows.
        return Crop.around(box_xyxy, self.frames.spacing_yx_mm, self.zoom, size)

    def features(self, wanted: Sequence[tuple[int, Crop]]) -> list[Features]:
        """Features of (slice, crop) pairs; those not in the cache are encoded as one batch."""
        found: dict[tuple[int, Crop], Features] = {}
        for key in wanted:
            cached = self._cache.get((self, *key))
            if cached is not None:
                found[key] = cached
        missing = [key for key in dict.fromkeys(wanted) if key not in found]
        if missing:
            grey = torch.cat([model_input(self.frames[index], crop) for index, crop in missing])
            encoded = encode_each(self.network, grey) if self._store is None else self._store.encode(self.network, grey)
            for key, features in zip(missing, encoded, strict=True):
                found[key] = features
                self._cache.put((self, *key), features)
        return [found[key] for key in wanted]

    def preview(
        self, prompts: Sequence[Prompt], target_mm: float | None = None, elsewhere: Sequence[KnownSlice] = ()
    ) -> tuple[SliceMask, Crop, Decoded]:
        """Segment one slice from its prompts.

        Parameters
        ----------
        prompts
            Of one object on one slice, in the order they were given.
        target_mm
            How large the object is known to be elsewhere, for slices with nothing but clicks.
        elsewhere
            What was drawn on other slices, for clicks that correct this one.

        Returns
        -------
        SliceMask
            The mask.
        Crop
            The window it was decoded in.
        Decoded
            The network's own output, from which a pass may start.
        """
        if not prompts:
            raise PromptError("there is no prompt on this slice; add a box, a point, a line or a mask")
        extents = [extent for p in prompts if (extent := p.extent_xyxy(self.frames.spacing_yx_mm)) is not None]
        only_clicks = self.zoom is not None and all(p.is_click for p in prompts)
        crop = self._crop_of_clicks(extents, target_mm) if only_clicks else self._crop_of(extents)
        decoded = self.decode_prompts(prompts, crop, elsewhere)
        mask = self.to_mask(self.logits(decoded, crop), prompts[0].slice, decoded)
        if only_clicks and target_mm is None:
            # Clicks alone say where, not how large: look again around what was found.
            for _ in range(3):
                found = [*extents, mask.box_xyxy] if mask.box_xyxy else extents
                closer = self.crop_around(union_box_xyxy(found))
                if mask.is_empty or 0.8 < closer.width / crop.width < 1.25:
                    break
                crop, decoded = closer, self.decode_prompts(prompts, closer)
                mask = self.to_mask(self.logits(decoded, crop), prompts[0].slice, decoded)
        verbatim = prompts[-1]
        if isinstance(verbatim, Mask) and verbatim.verbatim:
            mask = self._verbatim(verbatim, mask)
        return mask.but(prompted=True), crop, decoded

    def _crop_of(self, extents: Sequence[BoxXYXY]) -> Crop:
        if not extents:  # only an empty mask: the object is not here, any window says so
            return Crop.whole(self.frames.shape_yx, self.network.image_size)
        return self.crop_around(union_box_xyxy(extents))

    def _crop_of_clicks(self, extents: Sequence[BoxXYXY], target_mm: float | None) -> Crop:
        side_mm = target_mm or _POINT_SIDE_MM / (self.zoom or 1.0)
        row_mm, column_mm = self.frames.spacing_yx_mm
        x0, y0, x1, y1 = union_box_xyxy(extents)
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        # From the first voxel's centre to the last one's: a voxel less than the side.
        dx, dy = ((side_mm / mm - 1) / 2 for mm in (column_mm, row_mm))
        # As large as the object, around the clicks, and never so small that one of them is outside.
        return self.crop_around(union_box_xyxy([*extents, (x - dx, y - dy, x + dx, y + dy)]))

    def decode_prompts(self, prompts: Sequence[Prompt], crop: Crop, elsewhere: Sequence[KnownSlice] = ()) -> Decoded:
        """Decode the prompts of one slice in a given window.

        The first prompts (a box or line with the clicks given before it, or one click, or a
        mask) make a mask; every later click corrects the mask before it, whose logits are
        fed back as when a reader clicks. Negative clicks alone say that the object is not there.
        """
        network = self.network
        (features,) = self.features([(prompts[0].slice, crop)])
        drawn = next((p for p in reversed(prompts) if isinstance(p, Mask)), None)
        if drawn is not None:
            prompts = prompts[len(prompts) - list(reversed(prompts)).index(drawn) :]
        anchor = next((p for p in reversed(prompts) if isinstance(p, Box | Line)), None)
        points = [p for p in prompts if isinstance(p, Point)]
        with network.running():
            prior = None
            if drawn is not None:
                given = heads.mask_to_input(drawn.to_array(), crop, network.device)
                if anchor is None and not points:
                    return heads.adopt(network, features, given)
                prior = heads.prior_from_mask(given)
            elif anchor is None and not any(point.positive for point in points):
                size = network.image_size
                return heads.adopt(network, features, torch.zeros((1, 1, size, size), device=network.device))
            conditioned = heads.unconditioned(network, features)
            clicks = _start(anchor, crop, self.frames.spacing_yx_mm)
            decoded = None
            if anchor is not None:
                start = self._section([KnownSlice(anchor.slice, anchor)], anchor.slice, crop) if prior is None else None
                with showing(start):
                    decoded = heads.decode(network, features, conditioned, clicks, prior)
            for i, point in enumerate(points):
                if decoded is not None:
                    prior = decoded.logits
                at_xy = crop.to_model_xy(point.point_xy)
                clicks = _with_point(clicks, at_xy, point.positive)
                known = [*elsewhere, KnownSlice(point.slice, None, tuple(points[: i + 1]))]
                with showing(self._corrected(known, prior, at_xy, crop)):
                    decoded = heads.decode(network, features, conditioned, clicks, prior)
        if decoded is None:
            raise PromptError("there is no prompt on this slice; add a box, a point, a line or a mask")
        return decoded

    def _corrected(
        self, known: Sequence[KnownSlice], prior: Tensor | None, at_xy: NDArray[np.float64], crop: Crop
    ) -> Tensor | None:
        """What a correcting click starts from, for networks that ask for it; its slice is the last.

        The outline it moves; where it does not say how far that is off, the body that is predicted with it,
        if that does as the click says.
        """
        if prior is None or self._predictor is None:
            return None
        click = known[-1].clicks[-1]
        moved = moved_outline(prior, at_xy, click.positive)
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
        with self.network.running():
            return self._predictor.predict(known)

    def starts(self, wanted: Sequence[tuple[Body, int, Crop]]) -> Tensor:
        """Logits (B, 1, S/4, S/4) for the decoder to start from: sections of bodies on slices, in windows."""
        return torch.stack([body.section(index, crop)[None] for body, index, crop in wanted]).to(self.network.device)

    def adopt(self, mask: SliceMask, crop: Crop) -> Decoded:
        """Take a mask that is already known as the network's output, in a given window."""
        (features,) = self.features([(mask.slice, crop)])
        with self.network.running():
            given = heads.mask_to_input(mask.mask_yx(), crop, self.network.device)
            return heads.adopt(self.network, features, given)

    def logits(self, decoded: Decoded, crop: Crop, index: int = 0) -> CropLogits:
        """Logits of one object of a batch, over its window's own voxels."""
        return CropLogits(crop, heads.logits_to_slice(decoded.logits[index], crop))

    def to_mask(self, logits: CropLogits, slice_index: int, decoded: Decoded, index: int = 0) -> SliceMask:
        """One object of a batch as a mask on the slice, from its logits and scores."""
        part, top, left = logits.on_slice(self.frames.shape_yx)
        return trim(
            part,
            slice=slice_index,
            shape_yx=self.frames.shape_yx,
            origin_yx=(top, left),
            iou=float(decoded.iou[index]),
            object_score=float(decoded.object_score[index]),
        )

    def _verbatim(self, drawn: Mask, mask: SliceMask) -> SliceMask:
        """What was drawn, voxel for voxel: the network's resampled copy only feeds its memory."""
        logits = np.where(drawn.to_array(), heads.GIVEN_LOGIT, -heads.GIVEN_LOGIT).astype(np.float32)
        return trim(logits, slice=drawn.slice, shape_yx=drawn.shape_yx, iou=mask.iou, object_score=mask.object_score)


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


def _start(anchor: Box | Line | None, crop: Crop, spacing_yx_mm: tuple[float, float]) -> Clicks:
    clicks = Clicks(np.zeros((0, 2), dtype=np.float32), np.zeros(0, dtype=np.int32))
    if anchor is None:
        return clicks
    corners = crop.to_model_xy(np.reshape(anchor.extent_xyxy(spacing_yx_mm), (2, 2))).astype(np.float32)
    clicks = Clicks(corners, np.array([2, 3], dtype=np.int32))
    if isinstance(anchor, Line):
        clicks = _with_point(clicks, crop.to_model_xy(anchor.midpoint_xy), positive=True)
    return clicks


def _with_point(clicks: Clicks, point_xy: NDArray[np.float64], positive: bool) -> Clicks:
    return Clicks(
        np.concatenate([clicks.points_xy, point_xy.astype(np.float32).reshape(1, 2)]),
        np.append(clicks.kinds, np.int32(positive)).astype(np.int32),
    )
