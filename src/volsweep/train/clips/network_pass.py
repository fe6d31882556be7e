"""SAM 2 over a batch of clips, slice by slice, as the engine runs it, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from volsweep.engine.network.expectation import showing
from volsweep.engine.network.features import normalize
from volsweep.train.clips.bodies import ClipBodies
from volsweep.train.clips.clips import Batch

Outputs = dict[str, Any]


@dataclass
class ClipPass:
    """The state of one pass over a batch."""

    model: SAM2Base
    batch: Batch
    bodies: ClipBodies | None
    feats: list[Tensor]
    positions: list[Tensor]
    sizes: list[tuple[int, int]]
    bank: dict[str, dict[int, Outputs]] = field(
        default_factory=lambda: {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    )

    def slice_features(self, t: int) -> tuple[list[Tensor], list[Tensor]]:
        """Feature levels and positions of slice t, (HW, B, C) each."""
        n = self.batch.grey.shape[1]
        return [f[:, t * n : (t + 1) * n] for f in self.feats], [p[:, :n] for p in self.positions]

    def step(
        self,
        t: int,
        *,
        points: dict[str, Tensor] | None = None,
        mask: Tensor | None = None,
        prior: Tensor | None = None,
        conditioning: bool = False,
    ) -> Outputs:
        """Decode slice t, without remembering it."""
        feats, positions = self.slice_features(t)
        _, outputs, _, _ = self.model._track_step(
            frame_idx=self.batch.shape.times[t],
            is_init_cond_frame=conditioning,
            current_vision_feats=feats,
            current_vision_pos_embeds=positions,
            feat_sizes=self.sizes,
            point_inputs=points,
            mask_inputs=mask,
            output_dict=self.bank,
            num_frames=max(64, self.batch.shape.times[-1] + 1),
            track_in_reverse=False,
            prev_sam_mask_logits=prior,
        )
        _, _, _, low, high, pointer, score = outputs
        return {"low": low, "high": high, "obj_ptr": pointer, "score": score}

    def track(self, t: int) -> Outputs:
        """Decode slice t from memory, and from the bodies in it."""
        if self.bodies is None:
            return self.step(t)
        start = self.bodies.section(t)
        # SAM 2 takes earlier logits with clicks only: one that is padding, as it uses itself where there is none.
        padding = {
            "point_coords": start.new_zeros((len(start), 1, 2)),
            "point_labels": torch.full((len(start), 1), -1, dtype=torch.int32, device=start.device),
        }
        with showing(start):
            return self.step(t, points=padding, prior=start)

    def remember(self, t: int, outputs: Outputs, *, conditioning: bool, from_points: bool = False) -> None:
        """Add slice t, with what was decoded of it, to the memories."""
        feats, _ = self.slice_features(t)
        features, position = self.model._encode_new_memory(
            current_vision_feats=feats,
            feat_sizes=self.sizes,
            # Through a chain of masks gradients explode (five times the norm, all of it clipped away).
            pred_masks_high_res=outputs["high"].detach(),
            object_score_logits=outputs["score"],
            is_mask_from_pts=from_points,
        )
        place = "cond_frame_outputs" if conditioning else "non_cond_frame_outputs"
        time = self.batch.shape.times[t]
        self.bank["non_cond_frame_outputs"].pop(time, None)
        self.bank[place][time] = {
            "maskmem_features": features,
            "maskmem_pos_enc": position,
            "obj_ptr": outputs["obj_ptr"],
        }


def encode(model: SAM2Base, grey: Tensor) -> tuple[list[Tensor], list[Tensor], list[tuple[int, int]]]:
    """Encode slices (N, 1, S, S): feature levels, positions (HW, N, C) and sizes, as SAM 2 passes them on."""
    _, feats, positions, sizes = model._prepare_backbone_features(model.forward_image(normalize(grey)))
    return feats, positions, sizes


def encode_clip(
    model: SAM2Base, grey: Tensor, learning: Sequence[int]
) -> tuple[list[Tensor], list[Tensor], list[tuple[int, int]]]:
    """Encode a batch of clips (T, B, 1, S, S), with gradients for the slices `learning` alone.

    Neighbouring slices teach the encoder nearly the same thing, and its backward pass is half
    of a step's time.
    """
    frames = len(grey)
    if len(learning) == frames:
        return encode(model, grey.flatten(0, 1))
    others = [t for t in range(frames) if t not in learning]
    feats, positions, sizes = encode(model, grey[list(learning)].flatten(0, 1))
    with torch.no_grad():
        still, still_positions, _ = encode(model, grey[others].flatten(0, 1))
    place = np.argsort([*learning, *others])
    joined = []
    for level, rest in zip(feats, still, strict=True):
        by_slice = torch.cat([level, rest], dim=1).view(len(level), *grey.shape[:2], -1)
        joined.append(by_slice[:, place].flatten(1, 2))
    return joined, [torch.cat(pair, dim=1) for pair in zip(positions, still_positions, strict=True)], sizes
