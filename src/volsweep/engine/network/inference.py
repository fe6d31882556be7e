"""What the network is asked: slices to features, features and prompts to masks, masks to memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network.attention import attend_within
from volsweep.engine.network.net import LOGIT_STRIDE, VolsweepNet
from volsweep.engine.network.sam2 import (
    Asked,
    Decoded,
    Levels,
    asks_for_several,
    given,
    new_memory,
    normalize,
    remembering,
    run_decoder,
)

GIVEN_LOGIT = 10.0
"""Logits of a mask that was given, not predicted: sigmoid(+-10) is 1 or 0 to four digits."""
PRIOR_CLAMP = 32.0
"""Logits fed back are held in the range SAM 2 was trained with."""
_HELD = 4.0
"""How far below 0 logits are at least where other objects are."""


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


@dataclass(frozen=True)
class Clicks:
    """Prompts of one object on one slice in model pixels, as SAM 2 takes them.

    Parameters
    ----------
    points_xy
        (n, 2) model pixels.
    kinds
        (n,): 1 positive, 0 negative, 2 and 3 the corners of a box (which come first).
    """

    points_xy: NDArray[np.float32]
    kinds: NDArray[np.int32]

    def tensors(self, device: torch.device) -> dict[str, Tensor]:
        """As upstream's ``point_inputs``, a batch of one."""
        return {
            "point_coords": torch.from_numpy(self.points_xy).to(device)[None],
            "point_labels": torch.from_numpy(self.kinds).to(device)[None],
        }


def unconditioned(net: VolsweepNet, features: Features) -> Tensor:
    """Coarse features (B, C, H, W) of slices that attend to no memory."""
    sam2 = net.sam2
    if sam2.directly_add_no_mem_embed:
        return Tensor(features.coarse + sam2.no_mem_embed.view(1, -1, 1, 1))
    flat = features.coarse.flatten(2).permute(2, 0, 1)
    levels = Levels([flat], [torch.zeros_like(flat)], [(features.coarse.shape[-2], features.coarse.shape[-1])])
    return remembering(sam2, levels, 0, {}, num_frames=1, first=True)


def decode(
    net: VolsweepNet,
    features: Features,
    conditioned: Tensor,
    clicks: Clicks | None = None,
    *,
    prior_logits: Tensor | None = None,
    start: Tensor | None = None,
) -> Decoded:
    """Decode masks.

    Parameters
    ----------
    net
        The network.
    features
        Of B slices; their finer levels sharpen the masks.
    conditioned
        (B, C, H, W): coarse features, from `unconditioned` or memory attention.
    clicks
        Prompts, for a batch of one.
    prior_logits
        (B, 1, S/4, S/4): the mask that the clicks correct, or what is known of the slice.
    start
        (B, 1, S/4, S/4): logits that the decoder's masks and scores are added to; None adds nothing.
    """
    points = None if clicks is None else clicks.tensors(net.device)
    if prior_logits is not None:
        prior_logits = prior_logits.clamp(-PRIOR_CLAMP, PRIOR_CLAMP)
    finer = [features.fine, features.medium]
    several = asks_for_several(net.sam2, points, clicks is not None)
    return run_decoder(net.sam2, conditioned, finer, Asked(points, prior_logits, several), start)


def leaned(decoded: Decoded, start: Tensor, shares: Sequence[float]) -> Decoded:
    """The same, leaned towards what the decoding started from: each object by its share in [0, 1]."""
    share = torch.tensor(shares, device=start.device)
    each, score = share[:, None, None, None], decoded.object_score.float()
    size = decoded.input_logits.shape[-2:]
    wide = F.interpolate(start, size=size, mode="bilinear", align_corners=False)
    return replace(
        decoded,
        logits=torch.lerp(decoded.logits.float(), start.float(), each),
        input_logits=torch.lerp(decoded.input_logits.float(), wide.float(), each),
        object_score=torch.lerp(score, start.float().flatten(1).amax(1).view_as(score), share.view_as(score)),
    )


def without(decoded: Decoded, shares: Tensor) -> Decoded:
    """The same, but for the masks where others hold most of a cell; `shares` is (B, 1, S/4, S/4)."""
    size = decoded.input_logits.shape[-2:]
    wide = F.interpolate(shares, size=size, mode="bilinear", align_corners=False)
    logits, input_logits = (
        torch.where(held > 0.5, each.clamp(max=-_HELD), each)
        for each, held in ((decoded.logits, shares), (decoded.input_logits, wide))
    )
    return replace(decoded, logits=logits, input_logits=input_logits)


def adopt(net: VolsweepNet, features: Features, mask_b1yx: Tensor) -> Decoded:
    """Take given masks (B, 1, S, S), 0 to 1, as the result, verbatim."""
    if not net.sam2.use_mask_input_as_output_without_sam:
        return decode(net, features, unconditioned(net, features), prior_logits=prior_from_mask(mask_b1yx))
    return given(net.sam2, features.coarse, [features.fine, features.medium], mask_b1yx)


def prior_from_mask(mask_b1yx: Tensor) -> Tensor:
    """Low-resolution logits (B, 1, S/4, S/4) of a mask (B, 1, S, S) that is to be corrected."""
    logits = mask_b1yx * (2 * GIVEN_LOGIT) - GIVEN_LOGIT
    side = mask_b1yx.shape[-1] // LOGIT_STRIDE
    return F.interpolate(logits, size=(side, side), mode="bilinear", align_corners=False, antialias=True)


def encode_memory(net: VolsweepNet, features: Features, decoded: Decoded, prompted: bool) -> tuple[Tensor, Tensor]:
    """Fuse B slices with their masks: spatial memories (B, H * W, M) and pointers (B, C).

    Parameters
    ----------
    net
        The network.
    features
        Of the slices.
    decoded
        Their masks, scores and pointers.
    prompted
        Whether the masks come from points or boxes (some models binarise those first).
    """
    levels = [features.coarse.flatten(2).permute(2, 0, 1)]
    size = (features.coarse.shape[-2], features.coarse.shape[-1])
    tokens, _ = new_memory(net.sam2, levels, [size], decoded, prompted)
    return tokens.flatten(2).transpose(1, 2), decoded.pointer
