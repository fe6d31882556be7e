"""What the image encoder makes of slices in a crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from volsweep.engine.network.attention import attend_within
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import normalize


@dataclass(frozen=True)
class Features:
    """What the image encoder returns for a batch of B slices, without positional encodings.

    Parameters
    ----------
    fine
        (B, C/8, S/4, S/4), projected for the mask decoder.
    medium
        (B, C/4, S/8, S/8), projected for the mask decoder.
    coarse
        (B, C, S/16, S/16): what a slice looks like to memory.
    attended
        (B, S/16 * S/16, C): the same after the first layer of memory attention has looked at the slice
        alone; every object and direction goes on from here.
    """

    fine: Tensor
    medium: Tensor
    coarse: Tensor
    attended: Tensor

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return sum(t.numel() * t.element_size() for t in self._tensors())

    def __getitem__(self, index: int) -> Features:
        """One slice of the batch, as a batch of one with its own memory."""
        return Features(*(t[index : index + 1].clone() for t in self._tensors()))

    @staticmethod
    def stack(features: Sequence[Features]) -> Features:
        """Join batches."""
        if len(features) == 1:
            return features[0]
        return Features(*(torch.cat(same) for same in zip(*(f._tensors() for f in features), strict=True)))

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.fine, self.medium, self.coarse, self.attended


def encode(net: VolsweepNet, grey_b1yx: Tensor) -> Features:
    """Run the image encoder on a batch of model inputs (B, 1, S, S) in [0, 1]."""
    with net.running():
        out = net.sam2.forward_image(normalize(grey_b1yx.to(net.device)))
        fine, medium, coarse = out["backbone_fpn"][-3:]
        return Features(fine, medium, coarse, attend_within(net.sam2, coarse, net.positions.image))


def encode_each(net: VolsweepNet, grey_b1yx: Tensor) -> list[Features]:
    """As `encode`, slice by slice, each with its own memory."""
    encoded = encode(net, grey_b1yx)
    return [encoded] if len(grey_b1yx) == 1 else [encoded[i] for i in range(len(grey_b1yx))]
