"""Activations that leave their range are seen, and punished by how far."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.train.activations import BRANCH_LIMIT, ActivationWatch, feature_spread, residual_branches, spread_penalty
from volsweep.train.clips.rollout import Corrections, run_batch
from volsweep.train.clips.slices import ClipShape
from volsweep.train.losses import LossWeights, Tally


def test_spread_is_about_the_mean_of_each_channel(rng):
    level = torch.from_numpy(rng.normal(5, 2, (16, 8, 4)).astype(np.float32))
    rms, spread = feature_spread([level])
    assert rms.item() == pytest.approx(np.hypot(5, 2), rel=0.1)
    assert spread.item() == pytest.approx(2, rel=0.15)
    assert spread_penalty(torch.ones(2), torch.ones(2)) == 0
    assert spread_penalty(torch.tensor([1.0]), torch.tensor([0.01])) > 5


def test_a_branch_that_outgrows_its_stream_is_punished(model, stream):
    batch = stream(ClipShape((0, 1)))
    with ActivationWatch().watching(model.sam2) as calm, torch.no_grad():
        run_batch(model, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
    branch = residual_branches(model.sam2)[0].out_proj
    bias = branch.bias.detach().clone()
    try:
        branch.bias.data += 50 * BRANCH_LIMIT
        with ActivationWatch().watching(model.sam2) as loud, torch.no_grad():
            run_batch(model, batch, Corrections(), Tally(LossWeights()), np.random.default_rng(0))
    finally:
        branch.bias.data.copy_(bias)
    assert loud.branch_penalty() > calm.branch_penalty()
    assert 0 < calm.smallest_spread() < 3
    assert calm.spread_penalty() >= 0
    assert loud.largest_branch() > 40 * BRANCH_LIMIT


def test_watching_ends_with_its_block(model):
    hooks = [len(branch._forward_hooks) for branch in residual_branches(model.sam2)]
    with ActivationWatch().watching(model.sam2):
        assert [len(branch._forward_hooks) for branch in residual_branches(model.sam2)] == [n + 1 for n in hooks]
    assert [len(branch._forward_hooks) for branch in residual_branches(model.sam2)] == hooks
