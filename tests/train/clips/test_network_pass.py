"""SAM 2 over a clip: what upstream does slice by slice, and gradients where they are wanted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.engine.network.sam2 import encode_levels
from volsweep.train.clips.network_pass import encode_clip
from volsweep.train.clips.rollout import Corrections, run_batch
from volsweep.train.clips.slices import ClipShape
from volsweep.train.losses import LossWeights, Tally


def test_a_clip_is_tracked_as_upstream_tracks_a_video(plain, stream, monkeypatch):
    """Same slices, same prompt: the masks that our losses see are those of `SAM2Base.track_step`."""
    batch = stream(ClipShape((0, 1, 2, 3)), 2)
    seen = []

    def noted(_tally, masks, ious, score, _truth, *, scored):
        seen.append((masks, ious, score))

    monkeypatch.setattr("volsweep.train.clips.rollout.add_slice", noted)
    with torch.no_grad():
        run_batch(plain, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
        bank = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        for t in range(4):
            levels = encode_levels(plain.sam2, batch.grey[t])
            points = {"point_coords": batch.points_xy, "point_labels": batch.kinds} if t == 0 else None
            given = (levels.features, levels.positions, levels.sizes, points, None, bank, 64)
            out = plain.sam2.track_step(t, t == 0, *given)
            bank["cond_frame_outputs" if t == 0 else "non_cond_frame_outputs"][t] = out
            masks, ious, score = seen[t]
            best = masks[torch.arange(2), ious.argmax(1)][:, None]
            expected = out["pred_masks"]
            torch.testing.assert_close(score, out["object_score_logits"], rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(
                torch.where(score[:, :, None, None] > 0, best, -1024.0), expected, rtol=1e-3, atol=1e-2
            )


@pytest.mark.parametrize("learning", [[0], [0, 2], [2, 0], [0, 1, 2]])
def test_a_clip_is_encoded_as_its_slices_are_and_some_of_them_teach(plain, learning):
    grey = torch.rand(3, 2, 1, 128, 128, generator=torch.Generator().manual_seed(2)).requires_grad_()
    levels = encode_clip(plain.sam2, grey, learning)
    with torch.no_grad():
        expected = encode_levels(plain.sam2, grey.flatten(0, 1))
    for ours, theirs in zip(levels.features, expected.features, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(levels.positions, expected.positions, strict=True):
        torch.testing.assert_close(ours, theirs)
    levels.features[-1].square().mean().backward()
    taught = [t for t in range(3) if grey.grad[t].abs().sum() > 0]
    assert taught == sorted(learning)
