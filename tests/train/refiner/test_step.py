"""A step of the refiner's training: corrected by clicks on its own mistakes, and better for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from train.conftest import ellipsoid_case

from volsweep.engine.network.refiner import BEFORE, NEGATIVE, POSITIVE, Refiner
from volsweep.train.blocks.blocks import Blocks
from volsweep.train.blocks.source import ACROSS_PLANES, BlockSource
from volsweep.train.losses import LossWeights, Tally
from volsweep.train.refiner import step as step_module
from volsweep.train.refiner.planes import draw_planes
from volsweep.train.refiner.step import run_planes


@pytest.fixture(scope="module")
def blocks():
    """Two blocks of a body twice as long as wide: the ellipsoid that it starts from is too short."""
    case = ellipsoid_case((28, 12, 12), (2.0, 1.0, 1.0))
    source, rng = BlockSource.of(case, case.targets[0], ACROSS_PLANES), np.random.default_rng(8)
    found = (draw_planes(rng, source) for _ in range(20))
    return Blocks.stack([block for block, _ in zip((b for b in found if b is not None), range(2), strict=False)])


@pytest.fixture
def net(narrow):
    torch.manual_seed(4)
    net = Refiner().eval()
    net.trunk.requires_grad_(False)  # most of a step's time; that it learns is asked in ../test_loop.py
    return net


def losses(net, blocks, seed=0):
    tally = Tally(LossWeights())
    run_planes(net, blocks, tally, np.random.default_rng(seed))
    return tally


def test_without_clicks_the_body_and_its_prompted_plane_count(net, blocks, monkeypatch):
    monkeypatch.setattr(step_module, "_CLICKS", (1.0,))
    tally = losses(net, blocks)
    means = {name: float(value.detach()) for name, value in tally.means().items()}
    assert means["clicked"] == means["clicked_plane"] == 0
    assert 0 < means["refined"] < 1
    tally.total().backward()
    assert net.fine.weight.grad.abs().sum() > 0


def test_each_click_is_told_and_what_it_corrects_is_what_it_starts_from(net, blocks, monkeypatch):
    monkeypatch.setattr(step_module, "_CLICKS", (0.0, 0.0, 1.0))
    seen = []
    decode = Refiner.decode

    def watched(self, features, maps, start):
        found = decode(self, features, maps, start)
        seen.append((maps.clone(), start.detach().clone(), found.detach().clone(), found.requires_grad))
        return found

    monkeypatch.setattr(Refiner, "decode", watched)
    before = blocks.maps.clone()
    tally = losses(net, blocks)
    assert [learns for *_, learns in seen] == [False, False, True]
    (maps0, _, found0, _), (maps1, start1, found1, _), (maps2, start2, *_) = seen
    assert not maps0[:, (POSITIVE, NEGATIVE, BEFORE)].any()
    assert maps1[:, (POSITIVE, NEGATIVE)].flatten(1).any(1).all()
    torch.testing.assert_close(start1, found0.float())
    torch.testing.assert_close(start2, found1.float())
    torch.testing.assert_close(maps2[:, BEFORE], torch.tanh(found1[:, 0].float() / 4))
    assert (maps2[:, (POSITIVE, NEGATIVE)].sum() >= maps1[:, (POSITIVE, NEGATIVE)].sum()).all()
    torch.testing.assert_close(blocks.maps, before, rtol=0, atol=0)
    assert float(tally.means()["clicked"].detach()) > 0


def test_what_is_predicted_comes_closer_to_the_body(net, blocks, monkeypatch):
    monkeypatch.setattr(step_module, "_CLICKS", (1.0,))
    one = Blocks(**{name: value[:1] for name, value in vars(blocks).items()})
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 1e-2)
    found = []
    for step in range(6):
        tally = losses(net, one, step)
        optimizer.zero_grad()
        tally.total().backward()
        optimizer.step()
        found.append(float(tally.means()["refined"].detach()))
    assert found[-1] < 0.95 * found[0]
