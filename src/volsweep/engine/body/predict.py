"""What the prompted slices lead one to expect of a body: the block around them, seen by a 3D network at once.

A box or a mask on one slice makes a first guess, a spheroid; the network
(`volsweep.engine.network.body_net`) corrects it by what it sees in the block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from volsweep.engine.body.block import Block
from volsweep.engine.body.planes import Planes
from volsweep.engine.body.prompt_maps import KnownSlice, prompt_maps
from volsweep.engine.network.body_net import BodyNet
from volsweep.engine.network.device import bfloat16_pays
from volsweep.engine.network.net import LOGIT_STRIDE
from volsweep.engine.slices.cache import ByteCache
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.frames import Frames

_CACHE_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Body:
    """An object's body in a block.

    Parameters
    ----------
    block
        Where it lies.
    logits
        (48, 32, 32), or (32, 48, 48) in `Planes`; float32: above 0 is object.
    corrected
        Whether clicks have corrected it, so that it says more than what is seen slice by slice.
    """

    block: Block | Planes
    logits: Tensor
    corrected: bool = False

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.logits.numel() * self.logits.element_size()

    def section(self, slice_index: int, crop: Crop) -> Tensor:
        """Logits (S/4, S/4) of a slice, in a window of size S; beyond the block its border goes on."""
        place = float(np.clip(self.block.plane(slice_index), 0, len(self.logits) - 1))
        before = min(int(place), len(self.logits) - 2)
        flat = torch.lerp(self.logits[before], self.logits[before + 1], place - before)
        own = self.block.crop
        if crop == own:
            return flat
        side = crop.size // LOGIT_STRIDE
        axes = []
        for start, extent, first, length in (
            (crop.left, crop.width, own.left, own.width),
            (crop.top, crop.height, own.top, own.height),
        ):
            centres = start + (torch.arange(side) + 0.5) * extent / side
            axes.append((centres - first) / length * 2 - 1)
        grid = torch.stack(torch.meshgrid(axes[1], axes[0], indexing="ij")[::-1], dim=-1)[None]
        return F.grid_sample(flat[None, None], grid, padding_mode="border", align_corners=False)[0, 0]


class BodyPredictor:
    """The 3D network over one plane of a volume, remembering what it predicted.

    Parameters
    ----------
    net
        The network.
    frames
        The plane's slices.
    """

    def __init__(self, net: BodyNet, frames: Frames) -> None:
        self._net = net
        self._frames = frames
        self._grey: ByteCache[_Grey] = ByteCache(_CACHE_BYTES)
        self._bodies: ByteCache[Body] = ByteCache(_CACHE_BYTES)

    def predict(self, known: Sequence[KnownSlice]) -> Body:
        """The body that fits what is known; run under `VolsweepNet.running`.

        Parameters
        ----------
        known
            The block is put around the first. Those outside it say nothing.
        """
        key = tuple(known)
        found = self._bodies.get(key)
        if found is None:
            extent = known[0].extent_xyxy(self._frames.spacing_yx_mm)
            assert extent is not None, "an absent object has no body"
            block = Block.around(extent, known[0].slice, self._frames)
            device = next(self._net.parameters()).device
            grey = self._shown(block).to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
                logits = self._net(grey[None], prompt_maps(block, known)[None].to(device))[0, 0].cpu()
            found = Body(block, logits)
            self._bodies.put(key, found)
        return found

    def _shown(self, block: Block) -> Tensor:
        found = self._grey.get(block)
        if found is None:
            found = _Grey(block.grey(self._frames))
            self._grey.put(block, found)
        return found.maps


@dataclass(frozen=True)
class _Grey:
    maps: Tensor

    @property
    def nbytes(self) -> int:
        return self.maps.numel() * self.maps.element_size()
