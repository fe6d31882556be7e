"""What was encoded together and alone is the same, and each slice holds its own memory."""

from __future__ import annotations

import pytest
import torch

from volsweep.engine.network.features import Features, encode, encode_each

NAMES = ("fine", "medium", "coarse", "attended")


@pytest.fixture(scope="module")
def grey(nano):
    side = nano.image_size
    return torch.rand(3, 1, side, side, generator=torch.Generator().manual_seed(2))


def test_slices_are_encoded_alone_as_they_are_together(nano, grey):
    together, each = encode(nano, grey), encode_each(nano, grey)
    joined = Features.stack(each)
    for name in NAMES:
        assert getattr(joined, name).shape == getattr(together, name).shape
        torch.testing.assert_close(getattr(joined, name), getattr(together, name), rtol=0, atol=0)
        alone = getattr(encode(nano, grey[1:2]), name)
        torch.testing.assert_close(getattr(each[1], name), alone, rtol=1e-3, atol=1e-3)


def test_levels_are_those_of_hiera_and_its_neck(nano, grey):
    """Strides 4, 8 and 16; the finer ones with an eighth and a quarter of the channels, as the decoder takes them."""
    found, side = encode(nano, grey[:2]), nano.image_size
    channels = found.coarse.shape[1]
    assert found.fine.shape == (2, channels // 8, side // 4, side // 4)
    assert found.medium.shape == (2, channels // 4, side // 8, side // 8)
    assert found.coarse.shape == (2, channels, side // 16, side // 16)
    assert found.attended.shape == (2, (side // 16) ** 2, channels)
    assert not found.coarse.requires_grad


def test_a_slice_keeps_no_other_alive(nano, grey):
    together = encode(nano, grey)
    one = together[1]
    assert one.nbytes * 3 == together.nbytes
    for name in NAMES:
        part = getattr(one, name)
        assert part.untyped_storage().nbytes() == part.numel() * part.element_size()
    assert Features.stack([one]) is one
