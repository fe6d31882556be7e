"""One plane of a volume as the network sees it: encoded slices, in any crop, and masks back on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from volsweep.engine.network import decode
from volsweep.engine.network.features import Features, encode_each
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.cache import FeatureCache
from volsweep.engine.slices.crop import Crop, CropLogits, logits_to_slice, mask_to_input
from volsweep.engine.slices.frames import Frames, model_input
from volsweep.engine.slices.store import FeatureStore
from volsweep.geometry import BoxXYXY
from volsweep.masks import SliceMask, trim


class View:
    """One plane of a volume through one network.

    Parameters
    ----------
    net
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
        net: VolsweepNet,
        frames: Frames,
        zoom: float | None,
        cache: FeatureCache,
        store: FeatureStore | None = None,
    ) -> None:
        self.net = net
        self.frames = frames
        self.zoom = zoom
        self._cache = cache
        self._store = store

    def crop_around(self, box_xyxy: BoxXYXY) -> Crop:
        """The window for a target with this bounding box."""
        size = self.net.image_size
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
            encoded = encode_each(self.net, grey) if self._store is None else self._store.encode(self.net, grey)
            for key, features in zip(missing, encoded, strict=True):
                found[key] = features
                self._cache.put((self, *key), features)
        return [found[key] for key in wanted]

    def adopt(self, mask: SliceMask, crop: Crop) -> Decoded:
        """Take a mask that is already known as the network's output, in a given window."""
        (features,) = self.features([(mask.slice, crop)])
        with self.net.running():
            return decode.adopt(self.net, features, mask_to_input(mask.mask_yx(), crop, self.net.device))

    def logits(self, decoded: Decoded, crop: Crop, index: int = 0) -> CropLogits:
        """Logits of one object of a batch, over its window's own voxels."""
        return CropLogits(crop, logits_to_slice(decoded.logits[index], crop))

    def to_mask(
        self, logits: CropLogits, slice_index: int, decoded: Decoded, index: int = 0, *, corrected: bool = False
    ) -> SliceMask:
        """One object of a batch as a mask on the slice, from its logits and scores; `corrected` if clicks made it."""
        part, top, left = logits.on_slice(self.frames.shape_yx)
        mask = trim(
            part,
            slice=slice_index,
            shape_yx=self.frames.shape_yx,
            origin_yx=(top, left),
            iou=float(decoded.iou[index]),
            object_score=float(decoded.object_score[index]),
        )
        calibration = self.net.calibration
        if corrected and calibration is not None and calibration.corrected is not None:
            calibration = calibration.corrected
        if mask.is_empty or calibration is None:
            return mask
        return replace(mask, expected_dice=calibration.expected_dice(part))
