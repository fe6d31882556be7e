"""Encode slices once: crops of grey frames to feature maps, kept in a cache bounded in bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network.attention import attend_within
from volsweep.engine.network.net import Network
from volsweep.engine.slices.cache import ByteCache
from volsweep.engine.slices.crop import Crop

# What SAM 2's image encoder was trained on.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


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


def model_input(frame_yx: NDArray[np.float32], crop: Crop) -> Tensor:
    """Cut and resample one grey frame to a (1, 1, S, S) float32 tensor, still in [0, 1].

    Bilinear, with antialiasing where pixels are merged: without it a large target cropped to
    a small input is sampled, not averaged, and its noise comes along.
    """
    cut = torch.from_numpy(crop.cut(frame_yx))[None, None]
    if cut.shape[-2:] == (crop.size, crop.size):
        return cut
    return F.interpolate(cut, size=(crop.size, crop.size), mode="bilinear", align_corners=False, antialias=True)


def normalize(grey_b1yx: Tensor) -> Tensor:
    """Grey frames (B, 1, S, S) in [0, 1] to the three normalised channels SAM 2 expects."""
    mean = torch.tensor(_IMAGENET_MEAN, device=grey_b1yx.device).view(1, 3, 1, 1)
    std = torch.tensor(_IMAGENET_STD, device=grey_b1yx.device).view(1, 3, 1, 1)
    return (grey_b1yx - mean) / std


def encode(network: Network, grey_b1yx: Tensor) -> Features:
    """Run the image encoder on a batch of model inputs (B, 1, S, S) in [0, 1]."""
    with network.running():
        out = network.model.forward_image(normalize(grey_b1yx.to(network.device)))
        fine, medium, coarse = out["backbone_fpn"][-3:]
        return Features(fine, medium, coarse, attend_within(network.model, coarse, network.positions.image))


def encode_each(network: Network, grey_b1yx: Tensor) -> list[Features]:
    """As `encode`, slice by slice, each with its own memory."""
    encoded = encode(network, grey_b1yx)
    return [encoded] if len(grey_b1yx) == 1 else [encoded[i] for i in range(len(grey_b1yx))]


class FeatureCache(ByteCache[Features]):
    """Features by view, slice and crop."""
