"""SAM 2 over a batch of clips, slice by slice, as the engine runs it, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import (
    Asked,
    Decoded,
    Levels,
    asks_for_several,
    encode_levels,
    given,
    new_memory,
    remembering,
    run_decoder,
)
from volsweep.train.clips.bodies import ClipBodies
from volsweep.train.clips.clips import Batch


@dataclass
class ClipPass:
    """The state of one pass over a batch."""

    net: VolsweepNet
    batch: Batch
    bodies: ClipBodies | None
    levels: Levels
    bank: dict[str, dict[int, Any]] = field(
        default_factory=lambda: {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    )

    def slice_levels(self, t: int) -> Levels:
        """Features of slice t of every clip."""
        n = self.batch.grey.shape[1]
        features = [f[:, t * n : (t + 1) * n] for f in self.levels.features]
        return Levels(features, [p[:, :n] for p in self.levels.positions], self.levels.sizes)

    def step(
        self,
        t: int,
        *,
        points: dict[str, Tensor] | None = None,
        mask: Tensor | None = None,
        prior: Tensor | None = None,
        start: Tensor | None = None,
        conditioning: bool = False,
    ) -> Decoded:
        """Decode slice t, without remembering it: as `SAM2Base.track_step`, but from a start."""
        sam2, levels = self.net.sam2, self.slice_levels(t)
        *finer, coarse = levels.maps()
        if mask is not None and sam2.use_mask_input_as_output_without_sam:
            return given(sam2, coarse, finer, mask)
        frames = max(64, self.batch.shape.times[-1] + 1)
        time = self.batch.shape.times[t]
        conditioned = remembering(sam2, levels, time, self.bank, num_frames=frames, first=conditioning)
        asked = Asked(points, mask if prior is None else prior, asks_for_several(sam2, points, conditioning))
        return run_decoder(sam2, conditioned, finer, asked, start)

    def track(self, t: int) -> Decoded:
        """Decode slice t from memory, and from the bodies in it."""
        if self.bodies is None:
            return self.step(t)
        start = self.bodies.section(t)
        # SAM 2 takes earlier logits with clicks only: one that is padding, as it uses itself where there is none.
        padding = {
            "point_coords": start.new_zeros((len(start), 1, 2)),
            "point_labels": torch.full((len(start), 1), -1, dtype=torch.int32, device=start.device),
        }
        return self.step(t, points=padding, prior=start, start=start)

    def remember(self, t: int, decoded: Decoded, *, conditioning: bool, from_points: bool = False) -> None:
        """Add slice t, with what was decoded of it, to the memories."""
        levels = self.slice_levels(t)
        # Through a chain of masks gradients explode (five times the norm, all of it clipped away).
        still = replace(decoded, input_logits=decoded.input_logits.detach())
        features, position = new_memory(self.net.sam2, levels.features, levels.sizes, still, from_points)
        place = "cond_frame_outputs" if conditioning else "non_cond_frame_outputs"
        time = self.batch.shape.times[t]
        self.bank["non_cond_frame_outputs"].pop(time, None)
        self.bank[place][time] = {
            "maskmem_features": features,
            "maskmem_pos_enc": position,
            "obj_ptr": decoded.pointer,
        }


def encode_clip(sam2: SAM2Base, grey: Tensor, learning: Sequence[int]) -> Levels:
    """Encode a batch of clips (T, B, 1, S, S), with gradients for the slices `learning` alone.

    Neighbouring slices teach the encoder nearly the same thing, and its backward pass is half
    of a step's time.
    """
    frames = len(grey)
    if len(learning) == frames:
        return encode_levels(sam2, grey.flatten(0, 1))
    others = [t for t in range(frames) if t not in learning]
    moving = encode_levels(sam2, grey[list(learning)].flatten(0, 1))
    with torch.no_grad():
        still = encode_levels(sam2, grey[others].flatten(0, 1))
    place = np.argsort([*learning, *others])
    joined = []
    for level, rest in zip(moving.features, still.features, strict=True):
        by_slice = torch.cat([level, rest], dim=1).view(len(level), *grey.shape[:2], -1)
        joined.append(by_slice[:, place].flatten(1, 2))
    positions = [torch.cat(pair, dim=1) for pair in zip(moving.positions, still.positions, strict=True)]
    return Levels(joined, positions, moving.sizes)
