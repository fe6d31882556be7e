"""The 3D network before it has learned anything, and what goes in and out of it."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.body_net import DEPTH, FINE, MAPS, SIDE, BodyNet


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(3)
    return BodyNet().eval()


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    grey = torch.rand(2, 2, DEPTH, FINE, FINE, generator=generator)
    return grey, torch.randn(2, MAPS, DEPTH, SIDE, SIDE, generator=generator) * 4


def learned(net):
    """The same network as if its last layer had learned something."""
    other = BodyNet()
    other.load_state_dict(net.state_dict())
    torch.nn.init.normal_(other.out.weight, std=0.5, generator=torch.Generator().manual_seed(2))
    return other.eval()


@torch.no_grad()
def test_untrained_it_returns_the_spheroid_at_most_as_sure(net, inputs):
    grey, maps = inputs
    found = net(grey, maps)
    assert found.shape == (2, 1, DEPTH, SIDE, SIDE)
    torch.testing.assert_close(found, net.guess(maps), rtol=0, atol=0)
    trust = found / maps[:, :1]
    assert trust.min() > 0
    assert trust.max() <= 1
    torch.testing.assert_close(trust, trust.mean().expand_as(trust))


@torch.no_grad()
def test_all_that_it_is_given_counts(net, inputs):
    net, (grey, maps) = learned(net), inputs
    before = net(grey, maps)
    for channel in range(2):
        other = grey.clone()
        other[:, channel] = 0.25
        assert not torch.equal(net(other, maps), before)
    for channel in range(MAPS):
        other = maps.clone()
        other[:, channel] += 1
        # More than the first guess, which is added as it is.
        assert not torch.allclose(net(grey, other) - net.guess(other), before - net.guess(maps), atol=1e-3)


@torch.no_grad()
def test_blocks_of_a_batch_do_not_mix(net, inputs):
    net, (grey, maps) = learned(net), inputs
    together = net(grey, maps)
    torch.testing.assert_close(net(grey[1:], maps[1:]), together[1:], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_logits_are_float32_in_any_precision(net, inputs):
    net, (grey, maps) = learned(net), inputs
    exact = net(grey[:1], maps[:1])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = net(grey[:1], maps[:1])
    assert rounded.dtype == torch.float32
    correction = exact - net.guess(maps[:1])
    # Convolutions round, the first guess does not.
    assert 0 < (rounded - exact).abs().mean() < 0.05 * correction.abs().mean()
