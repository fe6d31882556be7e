"""From features and prompts to masks: SAM 2's prompt encoder and mask decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.engine.network.features import Features
from volsweep.engine.network.net import Network
from volsweep.engine.slices.crop import LOGIT_STRIDE, Crop

# Logits of a mask that was given, not predicted: sigmoid(+-10) is 1 or 0 to four digits.
GIVEN_LOGIT = 10.0
PRIOR_CLAMP = 32.0
"""Logits fed back are held in the range SAM 2 was trained with."""


@dataclass(frozen=True)
class Decoded:
    """Masks of B objects, in the crop.

    Parameters
    ----------
    logits
        (B, 1, S/4, S/4): above 0 is object.
    input_logits
        (B, 1, S, S): the same at the size of the model's input.
    iou
        (B,): how good the network thinks the mask is, 0 to 1.
    object_score
        (B,): above 0 where the object is on the slice at all.
    pointer
        (B, C): the object pointer.
    """

    logits: Tensor
    input_logits: Tensor
    iou: Tensor
    object_score: Tensor
    pointer: Tensor


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


def unconditioned(network: Network, features: Features) -> Tensor:
    """Coarse features (B, C, H, W) of slices that attend to no memory."""
    model = network.model
    if not model.directly_add_no_mem_embed:
        batch, channels, height, width = features.coarse.shape
        conditioned = model._prepare_memory_conditioned_features(
            frame_idx=0,
            is_init_cond_frame=True,
            current_vision_feats=[features.coarse.flatten(2).permute(2, 0, 1)],
            current_vision_pos_embeds=[features.coarse.new_zeros((height * width, batch, channels))],
            feat_sizes=[(height, width)],
            output_dict={},
            num_frames=1,
        )
        return Tensor(conditioned)
    return Tensor(features.coarse + model.no_mem_embed.view(1, -1, 1, 1))


def decode(
    network: Network,
    features: Features,
    conditioned: Tensor,
    clicks: Clicks | None = None,
    prior_logits: Tensor | None = None,
) -> Decoded:
    """Decode masks.

    Parameters
    ----------
    network
        The network.
    features
        Of B slices; their finer levels sharpen the masks.
    conditioned
        (B, C, H, W): coarse features, from `unconditioned` or memory attention.
    clicks
        Prompts, for a batch of one.
    prior_logits
        (B, 1, S/4, S/4): the mask that the clicks correct, or what is expected of the slice.
    """
    model = network.model
    if prior_logits is not None:
        prior_logits = prior_logits.clamp(-PRIOR_CLAMP, PRIOR_CLAMP)
    point_inputs = None if clicks is None else clicks.tensors(network.device)
    outputs = model._forward_sam_heads(
        backbone_features=conditioned,
        point_inputs=point_inputs,
        mask_inputs=prior_logits,
        high_res_features=[features.fine, features.medium],
        multimask_output=model._use_multimask(is_init_cond_frame=clicks is not None, point_inputs=point_inputs),
    )
    _, _, ious, logits, input_logits, pointer, object_score = outputs
    return Decoded(logits, input_logits, ious.max(dim=-1).values, object_score.flatten(), pointer)


def adopt(network: Network, features: Features, mask_b1yx: Tensor) -> Decoded:
    """Take given masks (B, 1, S, S), 0 to 1, as the result, verbatim."""
    model = network.model
    if not model.use_mask_input_as_output_without_sam:
        return decode(network, features, unconditioned(network, features), prior_logits=prior_from_mask(mask_b1yx))
    outputs = model._use_mask_as_output(features.coarse, [features.fine, features.medium], mask_b1yx)
    _, _, ious, logits, input_logits, pointer, object_score = outputs
    return Decoded(logits, input_logits, ious.max(dim=-1).values, object_score.flatten(), pointer)


def prior_from_mask(mask_b1yx: Tensor) -> Tensor:
    """Low-resolution logits (B, 1, S/4, S/4) of a mask (B, 1, S, S) that is to be corrected."""
    logits = mask_b1yx * (2 * GIVEN_LOGIT) - GIVEN_LOGIT
    side = mask_b1yx.shape[-1] // LOGIT_STRIDE
    return F.interpolate(logits, size=(side, side), mode="bilinear", align_corners=False, antialias=True)


def mask_to_input(mask_yx: NDArray[np.bool_], crop: Crop, device: torch.device) -> Tensor:
    """A mask on the slice's own grid as model input: (1, 1, S, S), 0 or 1.

    Binary, because the memory encoder saw only hard masks under mask prompts.
    """
    return _resampled(mask_yx, crop, crop.size).to(device)


def mask_to_logit_grid(mask_yx: NDArray[np.bool_], crop: Crop) -> NDArray[np.bool_]:
    """A mask on the slice's own grid as the decoder would have drawn it in a window: (S/4, S/4)."""
    return np.asarray(_resampled(mask_yx, crop, crop.size // LOGIT_STRIDE)[0, 0].numpy() > 0)


def _resampled(mask_yx: NDArray[np.bool_], crop: Crop, side: int) -> Tensor:
    """A window of a mask as (1, 1, side, side), 0 or 1."""
    cut = torch.from_numpy(crop.cut(mask_yx.astype(np.float32)))[None, None]
    if cut.shape[-2:] == (side, side):
        return cut
    soft = F.interpolate(cut, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    # A target thinner than a pixel must not vanish.
    return (soft >= min(0.5, float(soft.max()))).float() if soft.any() else soft


def logits_to_slice(logits: Tensor, crop: Crop) -> NDArray[np.float32]:
    """Resample one mask's logits (1, S/4, S/4) to the crop's own voxels: (height, width), float32."""
    size = (crop.height, crop.width)
    # Antialiased where voxels are larger than logits, as for the input.
    out = F.interpolate(logits[None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    return np.asarray(out[0, 0].cpu().numpy(), dtype=np.float32)
