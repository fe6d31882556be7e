"""What a source shows on a lattice of planes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from train.conftest import ellipsoid_case

from volsweep.engine.network.body_net import DEPTH
from volsweep.train.blocks import sample as sample_module
from volsweep.train.blocks.pose import BODY_NET, REFINER, draw_pose
from volsweep.train.blocks.sample import between_ends, draw_sample
from volsweep.train.blocks.source import BlockSource


@pytest.mark.parametrize("lattice", [BODY_NET, REFINER], ids=["body_net", "refiner"])
def test_a_sample_is_as_large_as_its_lattice_and_brighter_where_the_object_is(lattice):
    case = ellipsoid_case((14.0,) * 3)
    source, seen = BlockSource.of(case, case.targets[0]), 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        pose = draw_pose(rng, source, False, lattice)
        sample = None if pose is None else draw_sample(rng, source, pose, lattice)
        if sample is None:
            continue
        seen += 1
        shape = (lattice.depth, lattice.side, lattice.side)
        assert sample.grey.shape == sample.covered.shape == sample.inside.shape == shape
        assert sample.covered[lattice.anchor].max() > 0.9
        here, away = sample.covered > 0.9, (sample.covered == 0) & sample.inside
        assert abs(float(sample.grey[here].mean() - sample.grey[away].mean())) > 0.05
    assert seen > 3


def test_between_ends_is_from_the_first_to_the_last_plane():
    body = torch.zeros(9, 4, 4, dtype=torch.bool)
    body[2, 1, 1] = body[6, 3, 3] = True
    assert between_ends(body).flatten().tolist() == [False, False, *[True] * 5, False, False]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_thick_slices_blur_across_planes_only(rng):
    grey = torch.rand(DEPTH, 4, 4, generator=torch.Generator().manual_seed(3))
    blurred = [thick for _ in range(40) if not torch.equal(thick := sample_module._thickened(rng, grey), grey)]
    assert 6 < len(blurred) < 24
    for thick in blurred:
        assert thick.shape == grey.shape
        assert thick.diff(dim=0).abs().mean() < 0.8 * grey.diff(dim=0).abs().mean()
        assert thick.mean() == pytest.approx(float(grey.mean()), abs=0.05)
    # What is alike in all planes stays as it is.
    flat = grey[:1].expand(DEPTH, -1, -1)
    for _ in range(10):
        torch.testing.assert_close(sample_module._thickened(rng, flat), flat)
