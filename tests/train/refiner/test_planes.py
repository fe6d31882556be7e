"""Blocks of planes against bodies of known size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from train.conftest import ellipsoid_case

from volsweep.engine.body.space import PLANES_ANCHOR
from volsweep.engine.network.refiner import DRAWN, ENDS, INSIDE, MAPS
from volsweep.train.blocks import sample as sample_module
from volsweep.train.blocks.blocks import Blocks
from volsweep.train.blocks.source import ACROSS_PLANES, BlockSource
from volsweep.train.refiner import planes as planes_module
from volsweep.train.refiner.planes import draw_planes


def source_of(case):
    return BlockSource.of(case, case.targets[0], ACROSS_PLANES)


pytestmark = pytest.mark.usefixtures("one_layer")


@pytest.fixture(scope="module")
def ball():
    return source_of(ellipsoid_case((14.0,) * 3))


@pytest.fixture(scope="module")
def many(one_layer, ball):
    """Blocks of the ball as they are drawn for training."""
    return several(ball, 24, seed=1)


@pytest.fixture
def poses(monkeypatch):
    seen = []
    draw = planes_module.draw_pose
    monkeypatch.setattr(planes_module, "draw_pose", lambda *args: seen.append(draw(*args)) or seen[-1])
    return seen


def several(source, count, seed=0, **settings):
    rng = np.random.default_rng(seed)
    found = (draw_planes(rng, source, **settings) for _ in range(10 * count))
    return [block for block, _ in zip((b for b in found if b is not None), range(count), strict=False)]


def test_shapes_are_what_the_refiner_takes(many):
    block = Blocks.stack(many[:2])
    assert block.grey.shape == (2, 32, 96, 96)
    assert block.maps.shape == (2, MAPS, 32, 48, 48)
    assert block.truth.shape == block.known.shape == (2, 32, 48, 48)
    assert block.truth.dtype == block.known.dtype == torch.bool
    assert 0 <= block.grey.min() < block.grey.max() <= 1


def test_a_ball_has_its_volume_in_every_block(ball, poses, monkeypatch):
    """Cells are side/48 wide and planes side/20 apart: what they hold is 4/3 pi r3, stretched as the pose is."""
    monkeypatch.setattr(sample_module, "bent", lambda _rng, grid, *_: grid)
    monkeypatch.setattr(
        sample_module,
        "_ends",
        lambda _rng, _pose, coverage: (torch.full((3,), -0.5), torch.tensor(coverage.shape) - 0.5),
    )
    ratios = []
    for seed in range(12):
        poses.clear()
        block = draw_planes(np.random.default_rng(seed), ball)
        if block is None or poses[-1] is None:
            continue
        side = poses[-1].side_mm
        cell_mm3 = (side / 48) ** 2 * (side / 20) * abs(np.linalg.det(poses[-1].matrix))
        ratios.append(float(block.truth.sum()) * cell_mm3 / (4 / 3 * np.pi * 14.0**3))
    assert len(ratios) > 6
    assert np.median(ratios) == pytest.approx(1, abs=0.06)


def test_the_object_is_bright_where_the_truth_says_so(many):
    for block in many[:5]:
        inside = torch.nn.functional.avg_pool2d(block.grey, 2)
        here = block.truth & block.known
        away = ~block.truth & block.known & (block.maps[:, INSIDE] > 0.9)
        assert abs(float(inside[here].mean() - inside[away].mean())) > 0.05


def test_told_ends_are_where_the_body_ends(many):
    told = 0
    for block in many:
        ends = block.maps[0, ENDS, :, 0, 0]
        there = torch.nonzero(block.truth[0].flatten(1).any(1))[:, 0]
        if (ends < 0).any():
            told += 1
            outside = torch.nonzero(ends < 0)[:, 0]
            assert all(z < int(there.min()) or z > int(there.max()) for z in outside.tolist())
        assert (ends[int(there.min()) : int(there.max()) + 1] >= 0).all()
    assert 3 < told < 21


def test_nothing_is_learned_beyond_arbitrary_ends(poses):
    source, along = source_of(ellipsoid_case((14.0,) * 3, open_ended=(1,))), 0
    for seed in range(10):
        block = draw_planes(np.random.default_rng(seed), source)
        if block is not None and poses[-1].axis == 0:
            along += 1
            planes = torch.nonzero(block.truth[0].flatten(1).any(1))[:, 0]
            assert not block.known[0][: int(planes[0])].any()
            assert not block.known[0][int(planes[-1]) + 1 :].any()
    assert along > 2


def test_made_bodies_are_at_times_flat(ball, many):
    def planes_of(blocks):
        return [int(block.truth[0].flatten(1).any(1).sum()) for block in blocks]

    usual, made = planes_of(many), planes_of(several(ball, 24, seed=1, made=True))
    assert sum(count <= 5 for count in made) > 2 * sum(count <= 5 for count in usual)
    assert np.median(made) > 0.7 * np.median(usual)


def test_something_is_drawn_on_the_anchor_and_at_times_elsewhere(many):
    drawn = [block.maps[0, DRAWN].flatten(1).abs().sum(1) > 0 for block in many]
    assert all(planes[PLANES_ANCHOR] for planes in drawn)
    assert 0 < sum(int(planes.sum()) > 1 for planes in drawn) < 12
