"""What goes into the refiner and out of it, before it has learned anything."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.refiner import DEPTH, ELLIPSOID, MAPS, OUT, SIDE, Refiner


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    return Refiner().eval()


def inputs(blocks: int, side: int):
    """Grey values and maps; the network takes windows of any multiple of 32 pixels, and small ones are fast."""
    generator = torch.Generator().manual_seed(1)
    grey = torch.rand(blocks, DEPTH, side, side, generator=generator)
    return grey, torch.randn(blocks, MAPS, DEPTH, side // 2, side // 2, generator=generator)


@torch.no_grad()
def test_it_adds_to_what_it_starts_from(net):
    grey, maps = inputs(1, SIDE)
    features, start = net.encode(grey), torch.randn(1, 1, DEPTH, OUT, OUT)
    found = net.decode(features, maps, start)
    assert found.shape == (1, 1, DEPTH, OUT, OUT)
    torch.testing.assert_close(found - start, net.decode(features, maps, 0 * start), rtol=0, atol=1e-5)
    torch.testing.assert_close(net.first_start(maps), net.gain * maps[:, ELLIPSOID : ELLIPSOID + 1])


@torch.no_grad()
def test_a_first_body_is_encoded_started_and_decoded(net):
    grey, maps = inputs(2, 32)
    torch.testing.assert_close(net(grey, maps), net.decode(net.encode(grey), maps, net.first_start(maps)))


@torch.no_grad()
def test_every_map_and_the_image_count(net):
    grey, maps = inputs(1, 32)
    features, start = net.encode(grey), torch.zeros(1, 1, DEPTH, 16, 16)
    before = net.decode(features, maps, start)
    for which in range(MAPS):
        other = maps.clone()
        other[:, which] += 1
        assert not torch.allclose(net.decode(features, other, start), before, atol=1e-4)
    assert not torch.allclose(net.decode(net.encode(1 - grey), maps, start), before, atol=1e-4)


@torch.no_grad()
def test_features_need_no_prompt_and_blocks_do_not_mix(net):
    grey, _ = inputs(2, 32)
    for together, alone in zip(net.encode(grey), net.encode(grey[1:]), strict=True):
        torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_a_plane_is_seen_with_its_two_neighbours(net):
    grey, _ = inputs(2, 32)
    other = grey.clone()
    other[:, 10] = 0
    changed = [(a - b).abs().amax((0, 1, 3, 4)) for a, b in zip(net.encode(grey), net.encode(other), strict=True)]
    for change in changed:
        assert torch.nonzero(change).flatten().tolist() == [9, 10, 11]
