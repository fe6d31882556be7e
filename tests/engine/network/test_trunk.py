"""What the trunk returns, and that it sees what lies where it lies."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.trunk import CHANNELS, Trunk


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(2)
    return Trunk().eval()


@torch.no_grad()
@pytest.mark.parametrize("side", [32, 96])
def test_features_come_at_five_strides(trunk, side):
    features = trunk(torch.rand(2, 3, side, side))
    assert [f.shape for f in features] == [
        (2, channels, side // stride, side // stride)
        for channels, stride in zip(CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]


@torch.no_grad()
def test_a_change_in_one_corner_is_seen_in_that_corner(trunk):
    image = torch.rand(1, 3, 96, 96)
    other = image.clone()
    other[..., :8, :8] = 0
    change = (trunk(image)[0] - trunk(other)[0]).abs().amax((0, 1))
    assert change[:4, :4].max() > 0
    assert change[12:].max() == 0
    assert change[:, 12:].max() == 0


def test_gradients_of_depthwise_convolutions_are_made_in_float32(trunk):
    with torch.autocast("cpu", torch.bfloat16):
        deepest = trunk(torch.rand(1, 3, 32, 32))[-1]
    assert deepest.dtype == torch.bfloat16
    deepest.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in trunk.parameters())


@pytest.mark.parametrize("autocast", [False, True])
def test_without_gradients_the_same_features_come_faster(trunk, autocast):
    images = torch.rand(3, 3, 96, 96)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        learning = trunk(images)
        with torch.no_grad():
            seen = trunk(images)
    for kept, found in zip(learning, seen, strict=True):
        assert found.dtype == kept.dtype
        near = 0.03 * kept.abs().max().item() if autocast else 1e-5
        torch.testing.assert_close(found, kept.detach(), rtol=0, atol=near)


@torch.no_grad()
def test_a_torch_without_onednn_sees_the_same(trunk, monkeypatch):
    images = torch.rand(1, 3, 64, 64)
    fused = trunk(images)
    monkeypatch.setattr("volsweep.engine.network.trunk.has_onednn", lambda: False)
    for kept, found in zip(trunk(images), fused, strict=True):
        torch.testing.assert_close(found, kept, rtol=0, atol=1e-5)


@torch.no_grad()
def test_images_do_not_hang_on_how_many_go_through_together(trunk):
    images = torch.rand(11, 3, 32, 32)
    for together, alone in zip(trunk(images), zip(*map(trunk, images.split(1)), strict=True), strict=True):
        torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)
