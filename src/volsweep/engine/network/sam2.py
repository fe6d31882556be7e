"""Every call of what `SAM2Base` keeps to itself: its encoder, its decoder and its memories, as functions.

SAM 2 is `sam2.modeling.sam2_base.SAM2Base` (Ravi et al. 2024, arXiv:2408.00714). Its own `track_step`
runs all of it at once; the engine and training run the parts.

The bundled network learned from few patients. On its own it follows tumours worse than a spheroid
over the prompted outline does, and it does not know how far apart slices are (docs/training.md).
So it is not asked for masks but for corrections: the section of the predicted body
(`volsweep.engine.body.predict`) is shown to the decoder as a dense prompt, and the decoder's masks and
object scores are added to it: `start`. A correcting click starts in the same way from the outline that
it moves (`volsweep.engine.sweep.click`): with the mask added as it was, clicks hardly changed it.
Networks that were trained without this (SAM 2.1 and its kin) start from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor

_PATCH_STRIDE = 4
"""Pixels per side of the encoder's first tokens."""
# What SAM 2's image encoder was trained on.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Decoded:
    """Masks of B objects, in the crop.

    Parameters
    ----------
    logits
        (B, 1, S/4, S/4): above 0 is object.
    input_logits
        (B, 1, S, S): the same at the size of the model's input.
    candidates
        (B, M, S/4, S/4): what the decoder chose from, before masks of absent objects are blanked.
    ious
        (B, M): how good the network thinks each candidate is, 0 to 1.
    object_score
        (B, 1): above 0 where the object is on the slice at all.
    pointer
        (B, C): the object pointer.
    """

    logits: Tensor
    input_logits: Tensor
    candidates: Tensor
    ious: Tensor
    object_score: Tensor
    pointer: Tensor

    @property
    def iou(self) -> Tensor:
        """(B,): how good the network thinks the masks are."""
        # Not max(): with its indices torch calls all threads together for eight numbers, 8 ms on busy cores.
        return self.ious.amax(dim=-1)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        tensors = (self.logits, self.input_logits, self.candidates, self.ious, self.object_score, self.pointer)
        return sum(t.numel() * t.element_size() for t in tensors)


def normalize(grey_b1yx: Tensor) -> Tensor:
    """Grey frames (B, 1, S, S) in [0, 1] to the three normalised channels SAM 2 expects."""
    mean = torch.tensor(_IMAGENET_MEAN, device=grey_b1yx.device).view(1, 3, 1, 1)
    std = torch.tensor(_IMAGENET_STD, device=grey_b1yx.device).view(1, 3, 1, 1)
    return (grey_b1yx - mean) / std


def keep_position(sam2: SAM2Base) -> None:
    """Interpolate the encoder's positional embedding once: neither weights nor image size change any more."""
    trunk = sam2.image_encoder.trunk
    side = sam2.image_size // _PATCH_STRIDE
    with torch.no_grad():
        position = trunk._get_pos_embed((side, side))
    trunk._get_pos_embed = lambda _: position


@dataclass(frozen=True)
class Asked:
    """What a decoder is asked: points as upstream's ``point_inputs``, a dense prompt, and whether for several masks."""

    points: dict[str, Tensor] | None = None
    dense: Tensor | None = None
    several: bool = False


def run_decoder(
    sam2: SAM2Base, conditioned: Tensor, finer: Sequence[Tensor], asked: Asked, start: Tensor | None = None
) -> Decoded:
    """SAM 2's prompt encoder and mask decoder, as `SAM2Base._forward_sam_heads`, but from a start.

    Parameters
    ----------
    sam2
        The network.
    conditioned
        (B, C, S/16, S/16): coarse features.
    finer
        The features at S/4 and S/8.
    asked
        The prompts.
    start
        (B, 1, S/4, S/4), or None: added to the decoder's masks, and its most likely pixel to the object's score.
    """
    masks, ious, tokens, score = _decoder_outputs(sam2, conditioned, finer, asked)
    if start is not None:
        # The object is as likely there as its most likely pixel.
        masks, score = masks + start, score + start.amax((-2, -1))
    shown = masks
    if sam2.pred_obj_scores:
        shown = torch.where((score > 0)[:, None, None], masks, NO_OBJ_SCORE)
    shown = shown.float()
    size = (sam2.image_size, sam2.image_size)
    large = F.interpolate(shown, size=size, mode="bilinear", align_corners=False)
    chosen = torch.argmax(ious, dim=-1) if asked.several else torch.zeros(len(shown), dtype=torch.long)
    each, chosen = torch.arange(len(shown), device=shown.device), chosen.to(shown.device)
    logits, input_logits = shown[each, chosen][:, None], large[each, chosen][:, None]
    token = tokens[each, chosen] if asked.several and tokens.shape[1] > 1 else tokens[:, 0]
    return Decoded(logits, input_logits, masks, ious, score, _pointer(sam2, token, score))


def _decoder_outputs(
    sam2: SAM2Base, conditioned: Tensor, finer: Sequence[Tensor], asked: Asked
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Masks (B, M, S/4, S/4), their quality (B, M), tokens (B, 1 or M, C) and the object's score (B, 1)."""
    batch, device = len(conditioned), conditioned.device
    points = asked.points
    if points is None:
        # A point that is padding, where there is none: so upstream does.
        nowhere = torch.zeros(batch, 1, 2, device=device)
        points = {"point_coords": nowhere, "point_labels": -torch.ones(batch, 1, dtype=torch.int32, device=device)}
    dense = asked.dense
    if dense is not None and dense.shape[-2:] != sam2.sam_prompt_encoder.mask_input_size:
        size = sam2.sam_prompt_encoder.mask_input_size
        dense = F.interpolate(dense.float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    sparse_embeddings, dense_embeddings = sam2.sam_prompt_encoder(
        points=(points["point_coords"], points["point_labels"]), boxes=None, masks=dense
    )
    masks, ious, tokens, score = sam2.sam_mask_decoder(
        image_embeddings=conditioned,
        image_pe=sam2.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse_embeddings,
        dense_prompt_embeddings=dense_embeddings,
        multimask_output=asked.several,
        repeat_image=False,
        high_res_features=list(finer),
    )
    return masks, ious, tokens, score


def _pointer(sam2: SAM2Base, token: Tensor, score: Tensor) -> Tensor:
    """Object pointers (B, C) of decoded masks: where the object is not there, they say so."""
    pointer: Tensor = sam2.obj_ptr_proj(token)
    if not sam2.pred_obj_scores:
        return pointer
    there = score.sigmoid() if sam2.soft_no_obj_ptr else (score > 0).float()
    if sam2.fixed_no_obj_ptr:
        pointer = there * pointer
    return Tensor(pointer + (1 - there) * sam2.no_obj_ptr)


def given(sam2: SAM2Base, coarse: Tensor, finer: Sequence[Tensor], mask_b1yx: Tensor) -> Decoded:
    """What SAM 2 makes of masks (B, 1, S, S) that are known: the masks themselves, and a pointer."""
    candidates, _, ious, logits, input_logits, pointer, score = sam2._use_mask_as_output(coarse, list(finer), mask_b1yx)
    return Decoded(logits, input_logits, candidates, ious, score, pointer)


def new_memory(
    sam2: SAM2Base, levels: Sequence[Tensor], sizes: Sequence[tuple[int, int]], decoded: Decoded, prompted: bool
) -> tuple[Tensor, list[Tensor]]:
    """Spatial memories (B, M, H, W) of slices (their feature levels (HW, B, C)) with their masks, and positions."""
    tokens, positions = sam2._encode_new_memory(
        current_vision_feats=list(levels),
        feat_sizes=list(sizes),
        pred_masks_high_res=decoded.input_logits,
        object_score_logits=decoded.object_score,
        is_mask_from_pts=prompted,
    )
    return tokens, positions


@dataclass(frozen=True)
class Levels:
    """Features of N slices as SAM 2 passes them on, for training.

    Parameters
    ----------
    features, positions
        One (HW, N, C) for each level, finest first.
    sizes
        (H, W) of each level.
    """

    features: list[Tensor]
    positions: list[Tensor]
    sizes: list[tuple[int, int]]

    def maps(self) -> list[Tensor]:
        """The features as (N, C, H, W)."""
        pairs = zip(self.features, self.sizes, strict=True)
        return [f.permute(1, 2, 0).view(f.shape[1], f.shape[2], *size) for f, size in pairs]


def encode_levels(sam2: SAM2Base, grey_b1yx: Tensor) -> Levels:
    """Encode slices (N, 1, S, S), with gradients."""
    _, features, positions, sizes = sam2._prepare_backbone_features(sam2.forward_image(normalize(grey_b1yx)))
    return Levels(features, positions, sizes)


def remembering(
    sam2: SAM2Base, levels: Levels, time: int, bank: dict[str, dict[int, Any]], *, num_frames: int, first: bool
) -> Tensor:
    """Coarse features (B, C, H, W) of a slice, conditioned on upstream's own memory bank, with gradients.

    Parameters
    ----------
    sam2
        The network.
    levels
        Of the slice.
    time
        Its place in the pass.
    bank
        Upstream's ``output_dict``.
    num_frames
        Slices of the whole volume.
    first
        Whether the slice is prompted, and attends to nothing.
    """
    conditioned: Tensor = sam2._prepare_memory_conditioned_features(
        frame_idx=time,
        is_init_cond_frame=first,
        current_vision_feats=levels.features[-1:],
        current_vision_pos_embeds=levels.positions[-1:],
        feat_sizes=levels.sizes[-1:],
        output_dict=bank,
        num_frames=num_frames,
        track_in_reverse=False,
    )
    return conditioned


def asks_for_several(sam2: SAM2Base, points: dict[str, Tensor] | None, first: bool) -> bool:
    """Whether SAM 2 draws several masks for prompts like these."""
    return bool(sam2._use_multimask(is_init_cond_frame=first, point_inputs=points))
