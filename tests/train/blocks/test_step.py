"""A step on blocks: losses, gradients, clicks at times, and a network that learns from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from train.conftest import ellipsoid_case

from volsweep.engine.network.body_net import BodyNet
from volsweep.train.blocks import step as block_step
from volsweep.train.blocks.blocks import Blocks, draw_block
from volsweep.train.blocks.source import BlockSource
from volsweep.train.blocks.step import run_blocks
from volsweep.train.losses import LossWeights, Tally


@pytest.fixture(scope="module")
def blocks():
    """Two blocks of a body twice as long as wide: the spheroid is too short for it."""
    case = ellipsoid_case((28, 12, 12), (2.0, 1.0, 1.0))
    source, rng = BlockSource.of(case, case.targets[0]), np.random.default_rng(8)
    found = (draw_block(rng, source) for _ in range(20))
    return Blocks.stack([block for block, _ in zip((b for b in found if b is not None), range(2), strict=False)])


@pytest.fixture
def net(narrow):
    torch.manual_seed(4)
    return BodyNet().eval()


def without_clicks(monkeypatch):
    monkeypatch.setattr(block_step, "_CLICKED", 0.0)


def test_every_block_counts_and_the_last_layer_learns_first(net, blocks, monkeypatch):
    without_clicks(monkeypatch)
    tally = Tally(LossWeights())
    run_blocks(net, blocks, tally, np.random.default_rng(0))
    means = {name: float(value.detach()) for name, value in tally.means().items()}
    assert set(means) == {"body", "body_prompted", "body_entropy", "body_dsc"}
    assert all(0 < means[name] < 1 for name in ("body", "body_dsc"))
    # Untrained, what is scored is the spheroid.
    found, truth = (blocks.maps[:, 0] > 0) & blocks.known, blocks.truth & blocks.known
    overlap = 2 * (found & truth).flatten(1).sum(1) / (found.flatten(1).sum(1) + truth.flatten(1).sum(1))
    assert means["body_dsc"] == pytest.approx(float(overlap.mean()), abs=0.01)
    tally.total().backward()
    assert net.out.weight.grad.abs().sum() > 0


def test_clicks_come_in_some_steps_and_stay_out_of_the_batch(net, blocks, monkeypatch):
    rounds, seen = [], []
    click = block_step.click_on_errors
    monkeypatch.setattr(
        block_step, "click_on_errors", lambda *args: rounds.append(args[1].requires_grad) or click(*args)
    )
    # Looking once is enough: what is asked is how often, not what is found.
    monkeypatch.setattr(BodyNet, "forward", lambda _self, _grey, maps: seen.append(maps) or maps[:, :1])
    before = blocks.maps.clone()
    counts = []
    for seed in range(60):
        rounds.clear()
        run_blocks(net, blocks, Tally(LossWeights()), np.random.default_rng(seed))
        counts.append(len(rounds))
        if rounds:
            assert seen[-1][:, 3].any()
    assert set(counts) == {0, 1, 2}
    assert 0.25 < np.mean(np.array(counts) > 0) < 0.55
    torch.testing.assert_close(blocks.maps, before, rtol=0, atol=0)


def test_what_is_predicted_comes_closer_to_the_body(net, blocks, monkeypatch):
    without_clicks(monkeypatch)
    one = Blocks(**{name: value[:1] for name, value in vars(blocks).items()})
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for step in range(16):
        tally = Tally(LossWeights())
        run_blocks(net, one, tally, np.random.default_rng(step))
        optimizer.zero_grad()
        tally.total().backward()
        optimizer.step()
        losses.append(float(tally.means()["body"].detach()))
    assert losses[-1] < 0.85 * losses[0]
