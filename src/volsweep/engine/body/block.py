"""The block of space around a prompted slice that the 3D network sees.

It has cubic voxels: in plane the window that SAM 2 looks through, across the slices half as long again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from volsweep.engine.network.body_net import DEPTH, FINE, SIDE
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.frames import Frames, model_input
from volsweep.geometry import BoxXYXY

ZOOM = 2.2
"""Side of the block over the longer side of what was prompted."""
ANCHOR = DEPTH // 2
"""The plane of the slice that the block is put around."""


@dataclass(frozen=True)
class Block:
    """Where a block lies.

    Parameters
    ----------
    crop
        Its window.
    anchor
        The slice it is put around.
    planes_per_slice
        Distance between slices over that between planes.
    """

    crop: Crop
    anchor: int
    planes_per_slice: float

    @staticmethod
    def around(box_xyxy: BoxXYXY, anchor: int, frames: Frames) -> Block:
        """The block for a target with this bounding box on slice `anchor`."""
        crop = Crop.around(box_xyxy, frames.spacing_yx_mm, ZOOM, SIDE * LOGIT_STRIDE)
        return Block(crop, anchor, frames.spacing_mm * SIDE / (crop.width * frames.spacing_yx_mm[1]))

    def plane(self, slice_index: int) -> float:
        """Where a slice lies, in planes."""
        return ANCHOR + (slice_index - self.anchor) * self.planes_per_slice

    def holds(self, slice_index: int) -> bool:
        """Whether a slice lies within."""
        return 0 <= round(self.plane(slice_index)) < DEPTH

    def grey(self, frames: Frames) -> Tensor:
        """What it shows: (2, 48, 64, 64), grey values in [0, 1], and 1 where there is image."""
        window = replace(self.crop, size=FINE)
        # Two slices a plane are enough to average over.
        stride = max(1, int(0.5 / self.planes_per_slice))
        reach = int((ANCHOR + 2) / self.planes_per_slice) // stride + 1
        indices = self.anchor + stride * np.arange(-reach, reach + 1)
        indices = indices[(indices >= 0) & (indices < len(frames))]
        shown = torch.cat([model_input(frames[int(i)], window) for i in indices])[:, 0]
        planes = np.arange(DEPTH)
        at = ANCHOR + (indices - self.anchor) * self.planes_per_slice
        weights = np.clip(1 - np.abs(planes[:, None] - at) / max(1.0, stride * self.planes_per_slice), 0, None)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
        first, last = self.plane(0), self.plane(len(frames) - 1)
        half = self.planes_per_slice / 2
        there = torch.from_numpy((planes > first - half) & (planes < last + half))
        in_plane = model_input(np.ones(frames.shape_yx, dtype=np.float32), window)[0, 0] > 0.5
        inside = (there[:, None, None] & in_plane).float()
        grey = torch.einsum("ks,syx->kyx", torch.from_numpy(weights.astype(np.float32)), shown)
        return torch.stack([grey * inside, inside])
