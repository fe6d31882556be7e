"""One plane of a volume as the network sees it: its slices, encoded in any crop, and masks back on them.

What was encoded, or made of it, is kept within a number of bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from threading import Lock
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network import inference
from volsweep.engine.network.inference import Features, encode_each
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import Decoded
from volsweep.engine.slices.crop import Crop, CropLogits, logits_to_slice, mask_to_input
from volsweep.engine.slices.store import FeatureStore
from volsweep.geometry import BoxXYXY, Plane
from volsweep.intensity import Window
from volsweep.masks import SliceMask, trim
from volsweep.volume import Volume

_EVEN = 1e-3
"""Gaps between slices that differ less than this, as a share of their mean, are equal."""


class Frames:
    """One plane of a volume under one window.

    Nothing is copied but the slice asked for: a memory-mapped volume stays on disk.
    """

    def __init__(self, volume: Volume, plane: Plane | str, window: Window) -> None:
        self._volume = volume
        self.plane = Plane(plane)
        self.window = window
        self.count, rows, columns = volume.grid.plane_shape(plane)
        self.shape_yx = (rows, columns)
        _, row_mm, column_mm = volume.grid.plane_spacing_mm(plane)
        self.spacing_yx_mm = (row_mm, column_mm)
        self.positions_mm = volume.grid.slice_positions_mm(plane)
        """(slices,): where they lie along their normal; the distance between slices is asked here, and nowhere else."""
        gaps = np.diff(self.positions_mm)
        self.is_even = len(gaps) < 2 or float(np.ptp(gaps)) <= _EVEN * float(gaps.mean())

    @property
    def spacing_mm(self) -> float:
        """Mean distance between slices; 1 where there is one alone."""
        return float(self.positions_mm[-1]) / (len(self) - 1) if len(self) > 1 else 1.0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """Frame `index`, (rows, columns), float32 in [0, 1]."""
        return self.window.frame(self._volume.slice_yx(self.plane, index))


def model_input(frame_yx: NDArray[np.float32], crop: Crop) -> Tensor:
    """Cut and resample one grey frame to a (1, 1, S, S) float32 tensor, still in [0, 1].

    Bilinear, with antialiasing where pixels are merged: without it a large target cropped to
    a small input is sampled, not averaged, and its noise comes along.
    """
    cut = torch.from_numpy(crop.cut(frame_yx))[None, None]
    if cut.shape[-2:] == (crop.size, crop.size):
        return cut
    return F.interpolate(cut, size=(crop.size, crop.size), mode="bilinear", align_corners=False, antialias=True)


class Measured(Protocol):
    """Something that knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""


Item = TypeVar("Item", bound=Measured)


class ByteCache(Generic[Item]):
    """Least recently used items first out, bounded in bytes and in number.

    Parameters
    ----------
    max_bytes
        What it may hold; a single item larger than this is not kept.
    max_items
        How many items, if that is bounded, too.
    """

    def __init__(self, max_bytes: int, max_items: int | None = None) -> None:
        self.max_bytes = max_bytes
        self.max_items = max_items
        self.nbytes = 0
        self._items: OrderedDict[Hashable, Item] = OrderedDict()
        self._lock = Lock()  # a slice may still be being encoded ahead while another one is asked for

    def get(self, key: Hashable) -> Item | None:
        """What is kept under a key, now the most recently used."""
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
            return found

    def put(self, key: Hashable, item: Item) -> None:
        """Keep an item under a key, dropping the least recently used to make room."""
        with self._lock:
            if key in self._items:
                self.nbytes -= self._items.pop(key).nbytes
            self._items[key] = item
            self.nbytes += item.nbytes
            while self.nbytes > self.max_bytes or (self.max_items is not None and len(self) > self.max_items):
                _, dropped = self._items.popitem(last=False)
                self.nbytes -= dropped.nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self.nbytes = 0

    def __len__(self) -> int:
        return len(self._items)


class FeatureCache(ByteCache[Features]):
    """Features by view, slice and crop."""


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

    def encode(self, index: int) -> int:
        """Encode a slice that will be seen whole, whatever is prompted; its bytes, 0 where the crop hangs on that."""
        if self.zoom is not None:
            return 0
        return self.features([(index, Crop.whole(self.frames.shape_yx, self.net.image_size))])[0].nbytes

    def adopt(self, mask: SliceMask, crop: Crop) -> Decoded:
        """Take a mask that is already known as the network's output, in a given window."""
        (features,) = self.features([(mask.slice, crop)])
        with self.net.running():
            return inference.adopt(self.net, features, mask_to_input(mask.mask_yx(), crop, self.net.device))

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
