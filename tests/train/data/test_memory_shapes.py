from __future__ import annotations

import pytest
import torch

from volsweep.train.clips.slices import ClipShape
from volsweep.train.config import TrainConfig
from volsweep.train.data.memory_shapes import memory_masks
from volsweep.train.losses import dsc_of
from volsweep.train.stream import StepStream, plan_step


@pytest.mark.parametrize(("frames", "size"), [(1, 64), (8, 128)])
def test_shapes_are_never_empty_and_move_slowly(rng, frames, size):
    for _ in range(20):
        masks = memory_masks(rng, frames, size)
        assert masks.shape == (frames, size, size)
        assert masks.dtype == torch.bool
        assert masks.flatten(1).any(1).all()
        neighbours = dsc_of(masks[1:].float() - 0.5, masks[:-1].float())
        assert (neighbours > 0.5).all()


def test_a_share_of_the_steps_carries_shapes_that_the_slices_do_not_show(tiny, two_cases):
    shares = {"memory_shapes": 0.5, "single_slices": 0.25, "jumps": 0.0, "sweeps": 0.0, "frames": 3}
    config = TrainConfig(**{**tiny.model_dump(), **shares, "steps": 400, "blocks": 0})
    plans = [plan_step(config, step, 64) for step in range(400)]
    remembered = [p for p in plans if p.shape.from_memory]
    assert 0.4 < len(remembered) / len(plans) < 0.6
    assert all(p.shape.kind == "mask" and p.shape.times == (0, 1, 2) for p in remembered)
    stream = StepStream(config, [], 64)
    batches = [stream[i].clips for i in [i for i, p in enumerate(plans) if p.shape.from_memory][:20]]
    # Neither brighter nor darker than their surroundings, on average: there is nothing to see.
    grey, masks = torch.stack([b.grey[0, 0, 0] for b in batches]), torch.stack([b.masks[0, 0] for b in batches])
    contrast = torch.stack([g[m].mean() - g[~m].mean() for g, m in zip(grey, masks, strict=True)])
    assert abs(float(contrast.mean())) < 0.2
    assert batches[0].scored.all()


def test_a_clip_shows_the_shape_on_every_slice(rng, two_cases, tiny):
    config = TrainConfig(**{**tiny.model_dump(), "made": 1.0, "lesions": 0.0})
    clip = StepStream(config, [], 64)._clip(rng, ClipShape((0, 1, 2, 3), kind="mask", size=64, from_memory=True))
    assert clip.masks.flatten(1).any(1).all()
    assert clip.scored.all()
    assert len(clip.kinds) == 0
